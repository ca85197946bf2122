import Configuration
import Crypto
package import FoundationEssentials
import HTTP
package import Transport

/// The calls of STS that Berth makes (ECR 4.3), from the control loop.
package struct STSClient: Sendable {
    private let service: SignedService

    /// - Parameter now: this machine's clock.
    package init(httpClient: HTTPClient, endpoint: ServiceEndpoint, now: @escaping @Sendable () -> Date = { Date() }) {
        service = SignedService(httpClient: httpClient, endpoint: endpoint, name: "sts", now: now)
    }

    init(service: SignedService) { self.service = service }

    /// - Parameter identity: signs the call; it must be allowed to assume the role.
    func assumeRole(_ role: AssumedRole, as identity: CredentialKeeper) async throws(AWSError) -> Credentials {
        let response = try await call("AssumeRole", parameters(role), as: identity)
        return try session(of: role, in: response, operation: "AssumeRole")
    }

    /// An unsigned call, as the identity provider's token is the credential.
    func assumeRole(_ role: AssumedRole, webIdentity token: Secret<String>) async throws(AWSError) -> Credentials {
        let response = try await call(
            "AssumeRoleWithWebIdentity", parameters(role) + [("WebIdentityToken", token.reveal)], as: nil)
        return try session(of: role, in: response, operation: "AssumeRoleWithWebIdentity")
    }

    /// Who the credentials are. Needs no permission.
    package func callerIdentity(of identity: CredentialKeeper) async throws(AWSError) -> CallerIdentity {
        let response = try await call("GetCallerIdentity", [], as: identity)
        guard let arn = ServiceProblem.element("Arn", of: response), let account = ServiceProblem.element("Account", of: response)
        else {
            throw malformed("GetCallerIdentity", "neither an ARN nor an account")
        }
        return CallerIdentity(arn: AWSError.printable(arn), account: AWSError.printable(account))
    }

    private func call(_ operation: String, _ parameters: [(String, String)], as identity: CredentialKeeper?) async throws(AWSError)
        -> String
    {
        let pairs = [("Action", operation), ("Version", "2011-06-15")] + parameters
        let form = pairs.map { "\($0)=\(PercentEncoding.encode($1))" }.joined(separator: "&")
        let type = (name: "Content-Type", value: "application/x-www-form-urlencoded; charset=utf-8")
        return String(
            decoding: try await service.call(operation, fields: [type], body: Array(form.utf8), as: identity), as: UTF8.self)
    }

    private func parameters(_ role: AssumedRole) -> [(String, String)] {
        [("RoleArn", role.arn), ("RoleSessionName", role.sessionName)] + (role.externalID.map { [("ExternalId", $0)] } ?? [])
            + (role.seconds.map { [("DurationSeconds", "\($0)")] } ?? [])
    }

    private func session(of role: AssumedRole, in response: String, operation: String) throws(AWSError) -> Credentials {
        func element(_ name: String) -> String? { ServiceProblem.element(name, of: response) }
        guard let key = element("AccessKeyId"), let secret = element("SecretAccessKey"), let token = element("SessionToken"),
            let expiration = element("Expiration").flatMap({ try? Date($0, strategy: .iso8601) })
        else { throw malformed(operation, "credentials without a key, the token or the expiration") }
        // By this machine's clock, so that a wrong clock does not make a session look expired.
        return Credentials(
            accessKeyID: key, secretAccessKey: Secret(secret), sessionToken: Secret(token),
            expiration: expiration.addingTimeInterval(-TimeInterval(service.clock.seconds)), source: "role \(role.arn)")
    }

    private func malformed(_ operation: String, _ detail: String) -> AWSError {
        AWSError(operation: "sts:\(operation)", host: service.endpoint.url.hostField, cause: .malformed(detail))
    }
}
