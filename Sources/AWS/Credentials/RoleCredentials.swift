import Configuration
import Transport

/// A role, assumed with other credentials, which are kept until they expire (ECR 4.3).
struct RoleCredentials: CredentialSource {
    let name = "role"
    let role: AssumedRole
    let identity: CredentialKeeper
    let sts: STSClient

    func find() async throws(CredentialError) -> CredentialLookup {
        do throws(AWSError) {
            var credentials = try await sts.assumeRole(role, as: identity)
            if let source = identity.foundIn.current { credentials.source += ", by \(source)" }
            return .found(credentials)
        } catch {
            // The credentials that assume the role are missing. The role is set up, so this is an error and not an absence.
            if case .credentials(let reason) = error.cause { throw CredentialError(source: reason.source, message: reason.message) }
            throw CredentialError(source: name, message: "\(role.arn) cannot be assumed: \(error)")
        }
    }
}
