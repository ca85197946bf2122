import Crypto
import FoundationEssentials
import Registry
import Transport

/// A role that IAM Identity Center gives to who has logged in with `aws sso login`: its cached token is used, never renewed (ECR 4.2).
struct SingleSignOn: CredentialSource {
    struct Grant: Equatable, Sendable {
        /// What the token's file is named after: the session, or the start URL.
        let cacheName: String
        let region: String
        let account: String, role: String
        let profile: String
    }

    let name = "sso"
    let grant: Grant
    let makers: CredentialSources

    private static let tokenLimit = 64 << 10  // bytes; known ones have 4 thousand

    func find() async throws(CredentialError) -> CredentialLookup {
        let token = try cachedToken()
        guard let partition = Partition(ofRegion: grant.region) else {
            throw error("sso_region '\(AWSError.printable(grant.region))' of profile \(grant.profile) is no region like eu-west-1")
        }
        let given = EndpointSettings(environment: makers.environment, profile: makers.profile)
        var endpoint = try given.endpoint(of: "SSO", region: grant.region) {
            partition.host(of: .sso, in: grant.region, fips: $0, dualStack: $1)
        }
        endpoint.url.path = (endpoint.url.path == "/" ? "" : endpoint.url.path) + "/federation/credentials"
        endpoint.url.query = "role_name=\(PercentEncoding.encode(grant.role))&account_id=\(PercentEncoding.encode(grant.account))"
        var request = HTTPClientRequest("sso:GetRoleCredentials", url: endpoint.url)
        request.fields = [("x-amz-sso_bearer_token", token), ("Accept", "application/json")]
        request.dial = makers.dial(endpoint.url)
        let answer: HTTPClientResponse
        do throws(HTTPClientError) { answer = try await makers.caller.call(request) } catch { throw self.error("\(error)") }
        guard answer.status == 200 else {
            let problem = ServiceProblem(answer)
            let fix = answer.status == 401 ? "; \(Self.login(grant.profile))" : ""
            throw error(
                "\(endpoint.url.hostField) gives no credentials of role \(grant.role) in \(grant.account): \(problem.code) \(problem.message)\(fix)"
            )
        }
        guard let role = try? JSONDecoder().decode(Answer.self, from: Data(answer.body)).roleCredentials else {
            throw error("the answer of \(endpoint.url.hostField) holds no roleCredentials")
        }
        return .found(
            Credentials(
                accessKeyID: role.accessKeyId, secretAccessKey: Secret(role.secretAccessKey),
                sessionToken: Secret(role.sessionToken),
                expiration: Date(timeIntervalSince1970: role.expiration / 1000),
                source: "single sign-on, role \(grant.role) in \(grant.account)"))
    }

    private struct Answer: Decodable {
        struct Role: Decodable {
            var accessKeyId: String, secretAccessKey: String, sessionToken: String
            /// Milliseconds since 1970.
            var expiration: Double
        }
        var roleCredentials: Role
    }

    private struct CachedToken: Decodable { var accessToken: String?, expiresAt: String? }

    private func cachedToken() throws(CredentialError) -> String {
        let home = makers.environment.nonEmpty("HOME") ?? "~"
        let digest = Hexadecimal.string(of: SHA1.digest(of: Array(grant.cacheName.utf8)))
        let path = "\(home)/.aws/sso/cache/\(digest).json"
        guard let bytes = readFile(path, limit: Self.tokenLimit) else {
            throw error("there is no token at \(path): \(Self.login(grant.profile))")
        }
        guard let cached = try? JSONDecoder().decode(CachedToken.self, from: Data(bytes)), let token = cached.accessToken,
            let end = cached.expiresAt.flatMap(Self.time), !token.isEmpty, token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
        else { throw error("\(path) holds no accessToken and expiresAt: \(Self.login(grant.profile))") }
        guard end > makers.now() else { throw error("the token at \(path) is over: \(Self.login(grant.profile))") }
        return token
    }

    /// The CLI has written `2026-01-01T00:00:00Z`, and before that `…UTC`.
    private static func time(_ text: String) -> Date? {
        try? Date(text.hasSuffix("UTC") ? text.dropLast(3) + "Z" : text, strategy: .iso8601)
    }

    private static func login(_ profile: String) -> String { "run `aws sso login --profile \(profile)`" }

    private func error(_ message: String) -> CredentialError { CredentialError(source: name, message: message) }
}
