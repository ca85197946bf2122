import FoundationEssentials
import Registry

/// An error of the upstream as the client gets it: registry JSON whatever it was, in the client's names, with what to do. ECR's own texts
/// name its account and the gateway's role (ECR 1.1, 1.2), which the client must not learn; the log has them.
struct UpstreamError {
    private struct Body: Decodable {
        struct One: Decodable { let code: String?, message: String? }
        let errors: [One]
    }

    /// At least 400. An unexpected status below 400 counts as 502.
    let status: Int
    /// As the upstream said it, for the log; nil: nothing that can be read.
    let message: String?
    private let code: RegistryError.Code?
    /// Seconds, as the upstream asks for.
    private let retryAfter: Int?
    /// The size of the blob, where the error is 416: `bytes */1234`.
    private let contentRange: String?

    /// - Parameter body: the response's, whole; of any type, since ECR's is not known for sure (ECR 1.2).
    init(status: Int, body: [UInt8], retryAfter: Int? = nil, contentRange: String? = nil) {
        let isError = status >= 400
        self.status = isError ? status : 502
        let first = isError ? (try? JSONDecoder().decode(Body.self, from: Data(body)))?.errors.first : nil
        message = first?.message
        code = first?.code.flatMap(RegistryError.Code.init)
        self.contentRange = status == 416 ? contentRange : nil
        self.retryAfter = retryAfter ?? (self.status == 429 || self.status >= 500 ? 1 : nil)
    }

    /// The upstream has no such endpoint (ECR 1.2). A 404 of an endpoint that exists has an error code.
    var isOfMissingEndpoint: Bool { status == 405 || status == 404 && (code == nil || code == .unsupported) }

    /// How many bytes of an upload ECR has, where it says so about a chunk out of order (ECR 1.5).
    var bytesTaken: Int? {
        message?.firstMatch(of: /First byte of the layer part is [0-9]+ instead of ([0-9]{1,18})/).flatMap { Int($0.1) }
    }

    /// - Parameters:
    ///   - request: in the client's names.
    ///   - upstreamRepository: what the repository is called at the upstream.
    func response(to request: RegistryRequest, upstreamRepository: Repository?) -> ErrorResponse {
        ErrorResponse(
            error(to: request, upstreamRepository), retryAfter: retryAfter,
            others: contentRange.map { [("Content-Range", $0)] } ?? [])
    }

    private func error(to request: RegistryRequest, _ upstreamRepository: Repository?) -> RegistryError {
        let code = self.code ?? Self.code(of: status, request.operation)
        let repository = request.endpoint.repository?.description ?? ""
        if code == .nameUnknown {
            return RegistryError(code, Self.missing(repository, isPush: request.operation.actions == [.push]), status: status)
        }
        if code == .tooManyRequests {
            return RegistryError(code, "The registry is asked too often; try again in a moment.", status: status)
        }
        guard let message else { return RegistryError(code, Self.sentence(code, status), status: status) }
        if message.contains("does not have any parts") {
            return RegistryError(.blobUploadInvalid, "ECR cannot hold a blob without any bytes.", status: 400)
        }
        if let action = message.firstMatch(of: Self.denial)?.action {
            return RegistryError(
                code, "The gateway's own AWS identity may not do \(action) on '\(repository)'; its operator has to allow it.",
                status: status)
        }
        if let found = message.firstMatch(of: Self.invalidParameter) {
            // ECR says 405 UNSUPPORTED to whatever it finds wrong (ECR 1.2).
            let isManifest = found.name == "ImageManifest"
            return RegistryError(
                isManifest ? .manifestInvalid : code,
                "The upstream registry rejects the \(isManifest ? "manifest" : "request"): \(found.constraint).",
                status: isManifest ? 400 : status)
        }
        return RegistryError(
            code, Self.withoutNames(message, repository, upstreamRepository?.description ?? repository), status: status)
    }

    private static func missing(_ repository: String, isPush: Bool) -> String {
        isPush
            ? "The repository '\(repository)' does not exist; create it in ECR, or have the gateway's operator add it to create_repositories."
            : "The repository '\(repository)' does not exist."
    }

    /// For a response without a registry error: `404 page not found`, or an empty body.
    private static func code(of status: Int, _ operation: RegistryOperation) -> RegistryError.Code {
        switch (status, operation) {
        case (401, _), (403, _): .denied
        case (404, .manifestGet), (404, .manifestHead), (404, .manifestDelete): .manifestUnknown
        case (404, .blobGet), (404, .blobHead), (404, .blobDelete): .blobUnknown
        case (404, .uploadChunk), (404, .uploadFinish), (404, .uploadStatus), (404, .uploadCancel): .blobUploadUnknown
        case (404, .referrers): .unsupported
        case (404, _): .nameUnknown
        case (400, .manifestPut): .manifestInvalid
        case (413, _), (416, _): .sizeInvalid
        case (429, _): .tooManyRequests
        case (400..<500, .uploadChunk), (400..<500, .uploadFinish): .blobUploadInvalid
        case (400..<500, _): .unsupported
        default: .unavailable
        }
    }

    private static func sentence(_ code: RegistryError.Code, _ status: Int) -> String {
        switch code {
        case .denied: "The upstream registry does not let the gateway do this."
        case .manifestUnknown: "The upstream registry has no such manifest."
        case .blobUnknown: "The upstream registry has no such blob."
        case .blobUploadUnknown: "The upstream registry does not know this upload; start it again."
        case .unavailable: "The upstream registry failed with status \(status); try again in a moment."
        default: "The upstream registry rejected this with status \(status)."
        }
    }

    // Computed, since a Regex is not Sendable; errors are rare.
    private static var denial: Regex<(Substring, action: Substring)> {
        /not authorized to perform: (?<action>[A-Za-z0-9-]+:[A-Za-z0-9]+)/
    }
    private static var invalidParameter: Regex<(Substring, name: Substring, constraint: Substring)> {
        /Invalid parameter at '(?<name>[^']*)' failed to satisfy constraint: '(?<constraint>.*)'/
    }

    /// The text with the repository as the client calls it, and without accounts and ARNs.
    static func withoutNames(_ text: String, _ repository: String, _ upstreamRepository: String) -> String {
        var text = text
        if repository != upstreamRepository { text.replace("'\(upstreamRepository)'", with: "'\(repository)'") }
        text.replace(/\sin (the )?registry with id '[0-9]*'/, with: "")
        text.replace(/arn:[^\s'",]*/, with: "(an AWS resource)")
        text.replace(/\b[0-9]{12}\b/, with: "(an AWS account)")
        return text
    }
}
