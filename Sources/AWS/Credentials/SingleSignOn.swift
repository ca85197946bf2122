import Crypto
import FoundationEssentials
import HTTP
import Registry
import Transport

/// A role from IAM Identity Center, for users who have logged in with `aws sso login`. Uses the cached token and never renews it (ECR 4.2).
struct SingleSignOn: CredentialSource {
    let name = "sso"
    let grant: SingleSignOnGrant
    let sources: CredentialSources

    /// Known files have 4 thousand.
    private static let maxTokenBytes = 64 << 10

    func find() async throws(CredentialError) -> CredentialLookup {
        let token = try cachedToken()
        guard let partition = Partition(ofRegion: grant.region) else {
            throw error(
                "sso_region '\(AWSError.printable(grant.region))' of profile \(grant.profile) is not a region like eu-west-1")
        }
        let given = EndpointSettings(environment: sources.environment, profile: sources.profile)
        var endpoint = try given.endpoint(of: "SSO", region: grant.region) {
            partition.host(of: .sso, in: grant.region, fips: $0, dualStack: $1)
        }
        endpoint.url.path = (endpoint.url.path == "/" ? "" : endpoint.url.path) + "/federation/credentials"
        endpoint.url.query = "role_name=\(PercentEncoding.encode(grant.role))&account_id=\(PercentEncoding.encode(grant.account))"
        var request = HTTPClientRequest("sso:GetRoleCredentials", url: endpoint.url)
        request.fields = [("x-amz-sso_bearer_token", token), ("Accept", "application/json")]
        request.dial = sources.dial(endpoint.url)
        let response: HTTPClientResponse
        do throws(HTTPClientError) { response = try await sources.httpClient.call(request) } catch { throw self.error("\(error)") }
        guard response.status == 200 else {
            let problem = ServiceProblem(response)
            let fix = response.status == 401 ? "; \(Self.login(grant.profile))" : ""
            throw error(
                "\(endpoint.url.hostField) gives no credentials of role \(grant.role) in \(grant.account): \(problem.code) \(problem.message)\(fix)"
            )
        }
        guard let role = try? JSONDecoder().decode(Response.self, from: Data(response.body)).roleCredentials else {
            throw error("the response of \(endpoint.url.hostField) has no roleCredentials")
        }
        return .found(
            Credentials(
                accessKeyID: role.accessKeyId, secretAccessKey: Secret(role.secretAccessKey),
                sessionToken: Secret(role.sessionToken),
                expiration: Date(timeIntervalSince1970: role.expiration / 1000),
                source: "single sign-on, role \(grant.role) in \(grant.account)"))
    }

    private struct Response: Decodable {
        struct Role: Decodable {
            var accessKeyId: String, secretAccessKey: String, sessionToken: String
            /// Milliseconds since 1970.
            var expiration: Double
        }
        var roleCredentials: Role
    }

    private struct CachedToken: Decodable { var accessToken: String?, expiresAt: String? }

    private func cachedToken() throws(CredentialError) -> String {
        let home = sources.environment.nonEmpty("HOME") ?? "~"
        let digest = Hexadecimal.string(of: SHA1.digest(of: Array(grant.cacheName.utf8)))
        let path = "\(home)/.aws/sso/cache/\(digest).json"
        guard let bytes = readFile(path, limit: Self.maxTokenBytes) else {
            throw error("there is no token at \(path): \(Self.login(grant.profile))")
        }
        guard let cached = try? JSONDecoder().decode(CachedToken.self, from: Data(bytes)), let token = cached.accessToken,
            let end = cached.expiresAt.flatMap(Self.time), !token.isEmpty, token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
        else { throw error("\(path) has no accessToken and expiresAt: \(Self.login(grant.profile))") }
        guard end > sources.now() else { throw error("the token at \(path) has expired: \(Self.login(grant.profile))") }
        return token
    }

    /// Versions of the CLI write `2026-01-01T00:00:00Z` or `2026-01-01T00:00:00UTC`.
    private static func time(_ text: String) -> Date? {
        try? Date(text.hasSuffix("UTC") ? text.dropLast(3) + "Z" : text, strategy: .iso8601)
    }

    private static func login(_ profile: String) -> String { "run `aws sso login --profile \(profile)`" }

    private func error(_ message: String) -> CredentialError { CredentialError(source: name, message: message) }
}
