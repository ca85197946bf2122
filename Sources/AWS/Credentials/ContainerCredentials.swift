import Crypto
import FoundationEssentials
import Transport

/// The role of an ECS task or of an EKS pod (Pod Identity), from the endpoint that the container's environment names (ECR 4.4). On ECS the
/// endpoint's path is its only protection, so the path is never shown.
struct ContainerCredentials: CredentialSource {
    let name = "container"
    let httpClient: HTTPClient
    let environment: [String: String]
    var sleep: @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }

    private static let relative = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", full = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
    private static let tokenFile = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", token = "AWS_CONTAINER_AUTHORIZATION_TOKEN"
    /// Plain HTTP is allowed only to the machine itself and to the agents of ECS and EKS.
    private static let plainHosts: Set<String> = ["localhost", "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]", "[::1]"]
    /// The timeout is of each attempt; the pause lies between attempts.
    private static let timeout = Duration.seconds(2), maxAttempts = 3, pause = Duration.seconds(1)
    private static let maxTokenBytes = 64 << 10

    func find() async throws(CredentialError) -> CredentialLookup {
        guard let url = try endpoint() else { return .absent("\(Self.relative) and \(Self.full) are not set") }
        var request = HTTPClientRequest("container credentials", url: url, fields: [("Accept", "application/json")])
        (request.connectTimeout, request.timeout, request.mayUseProxy) = (Self.timeout, Self.timeout, false)
        if let token = try authorization() { request.fields.append(("Authorization", token)) }
        var problem = ""
        for attempt in 1...Self.maxAttempts {
            let response: HTTPClientResponse?
            do throws(HTTPClientError) { response = try await httpClient.call(request) } catch {
                response = nil
                problem = error.detail
            }
            if let response {
                if response.status == 200 { return .found(try credentials(in: response, of: url)) }
                problem = "status \(response.status)"
                // Only a server error may be transient.
                if response.status < 500 { break }
            }
            if attempt < Self.maxAttempts { try? await sleep(Self.pause) }
        }
        throw error("\(url.hostField) gives no credentials: \(problem)")
    }

    private func endpoint() throws(CredentialError) -> HTTPClientURL? {
        if let path = environment.nonEmpty(Self.relative) {
            guard path.hasPrefix("/"), let url = HTTPClientURL("http://169.254.170.2\(path)") else {
                throw error("\(Self.relative) is not a path like /v2/credentials/…")
            }
            return url
        }
        guard let text = environment.nonEmpty(Self.full) else { return nil }
        guard let url = HTTPClientURL(text) else {
            throw error("\(Self.full) is not an address like http://169.254.170.23/v1/credentials")
        }
        guard url.scheme == .https || Self.plainHosts.contains(url.host) || Self.isLoopback(url.host) else {
            throw error(
                "\(Self.full) names \(url.host) over plain HTTP, which is for loopback and the agents of ECS and EKS only; use https"
            )
        }
        return url
    }

    private static func isLoopback(_ host: String) -> Bool {
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }

    /// Reads the file each time, as EKS rotates it.
    private func authorization() throws(CredentialError) -> String? {
        var value = environment.nonEmpty(Self.token)
        if let path = environment.nonEmpty(Self.tokenFile) {
            guard let bytes = readFile(path, limit: Self.maxTokenBytes) else {
                throw error("the token file \(path) (\(Self.tokenFile)) cannot be read")
            }
            value = String(decoding: bytes, as: UTF8.self).trimmed
            guard value?.isEmpty == false else { throw error("the token file \(path) (\(Self.tokenFile)) is empty") }
        }
        guard let value else { return nil }
        guard value.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) else {
            throw error("the authorization token contains a line break or a non-ASCII character")
        }
        return value
    }

    private struct Document: Decodable {
        var AccessKeyId: String, SecretAccessKey: String, Token: String?, Expiration: String?
    }

    private func credentials(in response: HTTPClientResponse, of url: HTTPClientURL) throws(CredentialError) -> Credentials {
        guard let document = try? JSONDecoder().decode(Document.self, from: Data(response.body)) else {
            throw error("the response of \(url.hostField) lacks AccessKeyId or SecretAccessKey, or is not JSON")
        }
        let expiration = document.Expiration.map { try? Date($0, strategy: .iso8601) }
        if case .some(nil) = expiration { throw error("the Expiration in the response of \(url.hostField) is not a time") }
        return Credentials(
            accessKeyID: document.AccessKeyId, secretAccessKey: Secret(document.SecretAccessKey),
            sessionToken: document.Token.map { Secret($0) }, expiration: expiration ?? nil, source: "container (\(url.hostField))")
    }

    private func error(_ message: String) -> CredentialError { CredentialError(source: name, message: message) }
}
