import Crypto
import FoundationEssentials
package import Transport

/// The role of the EC2 instance, from its metadata service (ECR 4.5). Uses version 2, and version 1 only where there is no other and the
/// environment allows it.
package struct InstanceMetadata: CredentialSource {
    /// As in the configuration.
    package let name = "instance"
    private let httpClient: HTTPClient
    private let environment: [String: String]

    private static let rolePath = "latest/meta-data/iam/security-credentials/"
    /// The life of a session token, the longest that is allowed. Each token serves two calls.
    private static let tokenSeconds = "21600"
    /// IAM's own limit for a role is 64.
    private static let maxNameCharacters = 256
    private static let hopLimit =
        "for a container on EC2 set the instance's metadata hop limit to 2: "
        + "aws ec2 modify-instance-metadata-options --instance-id ID --http-put-response-hop-limit 2"

    /// - Parameter environment: the process's variables, which set timeout, attempts and endpoint.
    package init(httpClient: HTTPClient, environment: [String: String]) {
        self.httpClient = httpClient
        self.environment = environment
    }

    /// Of one call. The service responds within milliseconds or does not exist: every start outside of EC2 waits this long.
    private var timeout: Duration {
        let seconds = environment.nonEmpty("AWS_METADATA_SERVICE_TIMEOUT").flatMap { Double($0) } ?? 1
        return (0.1...60).contains(seconds) ? .seconds(seconds) : .seconds(1)
    }
    private var attempts: Int {
        let count = environment.nonEmpty("AWS_METADATA_SERVICE_NUM_ATTEMPTS").flatMap { Int($0) } ?? 1
        return (1...10).contains(count) ? count : 1
    }

    /// - Throws: when the metadata service responds but gives no credentials.
    package func find() async throws(CredentialError) -> CredentialLookup {
        if environment.isTrue("AWS_EC2_METADATA_DISABLED") { return .absent("AWS_EC2_METADATA_DISABLED is true") }
        let base = try endpoint()
        let token: String?
        switch try await sessionToken(base) {
        case .absent(let reason): return .absent(reason)
        case .found(let found): token = found
        case .versionOne: token = nil
        }
        let list: HTTPClientResponse
        do throws(HTTPClientError) { list = try await get(base, Self.rolePath, token: token) } catch {
            if token == nil { return .absent("no response from \(base.hostField): \(error.detail); \(Self.hopLimit)") }
            throw self.error("\(error)")
        }
        if list.status == 404 { return .absent("the instance has no role: attach an instance profile to it") }
        if list.status == 401, token == nil {
            return .absent("\(base.hostField) wants a session token and gives none; \(Self.hopLimit)")
        }
        let names = String(decoding: list.body, as: UTF8.self).split(whereSeparator: \.isNewline)
        guard list.status == 200 else { throw unexpectedStatus(base, "list of roles", list.status) }
        guard let role = names.first?.trimmed, Self.isPlain(role), role.count <= Self.maxNameCharacters else {
            throw error("what \(base.hostField) gives is not a list of roles; is it the metadata service?")
        }
        let response: HTTPClientResponse
        do throws(HTTPClientError) { response = try await get(base, Self.rolePath + role, token: token) } catch {
            throw self.error("\(error)")
        }
        guard response.status == 200 else { throw unexpectedStatus(base, "credentials of role \(role)", response.status) }
        return .found(try Self.credentials(from: response.body, role: role))
    }

    private func endpoint() throws(CredentialError) -> HTTPClientURL {
        let text =
            environment.nonEmpty("AWS_EC2_METADATA_SERVICE_ENDPOINT")
            ?? (environment.nonEmpty("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE")?.lowercased() == "ipv6"
                ? "http://[fd00:ec2::254]" : "http://169.254.169.254")
        guard let url = HTTPClientURL(text), url.query == nil else {
            throw error("AWS_EC2_METADATA_SERVICE_ENDPOINT is not an address like http://169.254.169.254")
        }
        return url
    }

    private enum Session { case found(String), versionOne, absent(String) }

    private func sessionToken(_ base: HTTPClientURL) async throws(CredentialError) -> Session {
        var request = request(base, "latest/api/token", method: "PUT")
        request.body = []
        request.fields = [("X-aws-ec2-metadata-token-ttl-seconds", Self.tokenSeconds)]
        let isVersionOneAllowed = !environment.isTrue("AWS_EC2_METADATA_V1_DISABLED")
        let response: HTTPClientResponse
        do throws(HTTPClientError) {
            response = try await call(request)
        } catch {
            // Most often this is not EC2. In a container on EC2 the hop limit drops the response (ECR 4.5).
            let isSilent = error.kind == .timeout
            if isSilent, isVersionOneAllowed { return .versionOne }
            return .absent("no response from \(base.hostField): \(error.detail)\(isSilent ? "; \(Self.hopLimit)" : "")")
        }
        switch response.status {
        case 200:
            let token = String(decoding: response.body, as: UTF8.self).trimmed
            guard Self.isPlain(token) else { throw error("the session token is not one line of text") }
            return .found(token)
        case 400: throw error("\(base.hostField) rejected the request for a session token with status 400")
        case 403, 404, 405:
            guard isVersionOneAllowed else {
                throw error(
                    "\(base.hostField) gives no session token (status \(response.status)), and AWS_EC2_METADATA_V1_DISABLED is true"
                )
            }
            return .versionOne
        default: return .absent("\(base.hostField) gives no session token (status \(response.status))")
        }
    }

    private func get(_ base: HTTPClientURL, _ path: String, token: String?) async throws(HTTPClientError) -> HTTPClientResponse {
        var request = request(base, path, method: "GET")
        if let token { request.fields = [("X-aws-ec2-metadata-token", token)] }
        return try await call(request)
    }

    /// Retries, as often as the environment says, until there is a response that is not a server error.
    private func call(_ request: HTTPClientRequest) async throws(HTTPClientError) -> HTTPClientResponse {
        for _ in 1..<attempts {
            if let response = try? await httpClient.call(request), response.status < 500 { return response }
        }
        return try await httpClient.call(request)
    }

    private func request(_ base: HTTPClientURL, _ path: String, method: String) -> HTTPClientRequest {
        var url = base
        url.path = (base.path.hasSuffix("/") ? base.path : base.path + "/") + path
        var request = HTTPClientRequest("instance metadata", method: method, url: url)
        request.connectTimeout = timeout
        request.timeout = timeout
        request.mayUseProxy = false
        return request
    }

    private struct Document: Decodable {
        var Code: String?, Message: String?
        var AccessKeyId: String?, SecretAccessKey: String?, Token: String?, Expiration: String?
    }

    static func credentials(from body: [UInt8], role: String) throws(CredentialError) -> Credentials {
        func error(_ message: String) -> CredentialError { CredentialError(source: "instance", message: message) }
        guard let document = try? JSONDecoder().decode(Document.self, from: Data(body)) else {
            throw error("the credentials of role \(role) are not the JSON of the metadata service")
        }
        guard document.Code == nil || document.Code == "Success" else {
            let reason = [document.Code, document.Message].compactMap { $0 }.joined(separator: ": ")
            throw error(
                "role \(role) gives no credentials: \(AWSError.printable(reason)); check the role's trust policy for ec2.amazonaws.com"
            )
        }
        guard let key = document.AccessKeyId, let secret = document.SecretAccessKey, let token = document.Token,
            let expiration = document.Expiration.flatMap({ try? Date($0, strategy: .iso8601) })
        else { throw error("the credentials of role \(role) lack a key, the token or the expiration") }
        return Credentials(
            accessKeyID: key, secretAccessKey: Secret(secret), sessionToken: Secret(token), expiration: expiration,
            source: "instance metadata, role \(role)")
    }

    private func error(_ message: String) -> CredentialError { CredentialError(source: name, message: message) }

    private func unexpectedStatus(_ base: HTTPClientURL, _ what: String, _ status: Int) -> CredentialError {
        let fix =
            switch status {
            case 403:
                "turn the service on (aws ec2 modify-instance-metadata-options --instance-id ID --http-endpoint enabled), let no network "
                    + "policy or agent stand before it, or set AWS_EC2_METADATA_DISABLED=true and give credentials in another way"
            case 404: "attach the role to the instance again"
            default: "try again later, or give credentials in another way"
            }
        return error("\(base.hostField) gives no \(what) (status \(status)); \(fix)")
    }

    /// Whether the text can go into a field or a path.
    private static func isPlain(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#") }
    }
}
