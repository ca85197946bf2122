import Crypto
package import FoundationEssentials
package import Transport

/// The calls of STS that turn one identity into another, or say who one is (ECR 4.3). From the control loop.
package struct STSClient: Sendable {
    private let service: SignedService

    /// `now`: this machine's clock.
    package init(caller: HTTPClient, endpoint: ServiceEndpoint, now: @escaping @Sendable () -> Date = { Date() }) {
        service = SignedService(caller: caller, endpoint: endpoint, name: "sts", now: now)
    }

    init(service: SignedService) { self.service = service }

    /// Signed by the identity that may assume the role.
    func assumeRole(_ role: AssumedRole, as identity: CredentialKeeper) async throws(AWSError) -> Credentials {
        let answer = try await call("AssumeRole", role.parameters, as: identity)
        return try session(of: role, in: answer, operation: "AssumeRole")
    }

    /// Not signed: the identity provider's token is the credential.
    func assumeRole(_ role: AssumedRole, webIdentity token: Secret<String>) async throws(AWSError) -> Credentials {
        let answer = try await call(
            "AssumeRoleWithWebIdentity", role.parameters + [("WebIdentityToken", token.reveal)], as: nil)
        return try session(of: role, in: answer, operation: "AssumeRoleWithWebIdentity")
    }

    /// Needs no permission: whoever has an identity may ask.
    package func callerIdentity(of identity: CredentialKeeper) async throws(AWSError) -> CallerIdentity {
        let answer = try await call("GetCallerIdentity", [], as: identity)
        guard let arn = ServiceProblem.element("Arn", of: answer), let account = ServiceProblem.element("Account", of: answer)
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

    private func session(of role: AssumedRole, in answer: String, operation: String) throws(AWSError) -> Credentials {
        func element(_ name: String) -> String? { ServiceProblem.element(name, of: answer) }
        guard let key = element("AccessKeyId"), let secret = element("SecretAccessKey"), let token = element("SessionToken"),
            let expiration = element("Expiration").flatMap({ try? Date($0, strategy: .iso8601) })
        else { throw malformed(operation, "credentials without a key, the token or the expiration") }
        // In this machine's time, so that a clock that is off does not make a session look dead.
        return Credentials(
            accessKeyID: key, secretAccessKey: Secret(secret), sessionToken: Secret(token),
            expiration: expiration.addingTimeInterval(-TimeInterval(service.clock.seconds)), source: "role \(role.arn)")
    }

    private func malformed(_ operation: String, _ detail: String) -> AWSError {
        AWSError(operation: "sts:\(operation)", host: service.endpoint.url.hostField, cause: .malformed(detail))
    }
}

/// Who credentials are, as AWS sees them.
package struct CallerIdentity: Sendable, Equatable {
    /// `arn:aws:sts::123456789012:assumed-role/pull/berth`
    package var arn: String
    package var account: String
}

/// A role to be assumed, and how (ECR 4.3).
package struct AssumedRole: Sendable, Hashable {
    package var arn: String
    package var sessionName: String
    package var externalID: String?
    /// Seconds, 900 to 43,200; nil: STS's own hour.
    package var seconds: Int?

    package init(arn: String, sessionName: String = "berth", externalID: String? = nil, seconds: Int? = nil) {
        (self.arn, self.sessionName, self.externalID, self.seconds) = (arn, sessionName, externalID, seconds)
    }

    var parameters: [(String, String)] {
        [("RoleArn", arn), ("RoleSessionName", sessionName)] + (externalID.map { [("ExternalId", $0)] } ?? [])
            + (seconds.map { [("DurationSeconds", "\($0)")] } ?? [])
    }
}
