import Configuration
import Crypto
import Transport

/// A role assumed with an identity provider's token, as in EKS (IRSA) and in CI systems (ECR 4.3). Reads the token's file at each search, as
/// it is rotated.
struct WebIdentityCredentials: CredentialSource {
    let name = "web_identity"
    let role: AssumedRole
    let tokenFile: String
    let sts: STSClient

    /// STS takes 20,000 characters.
    private static let maxTokenBytes = 64 << 10

    func find() async throws(CredentialError) -> CredentialLookup {
        guard let bytes = readFile(tokenFile, limit: Self.maxTokenBytes) else {
            throw CredentialError(
                source: name, message: "the token file \(tokenFile) cannot be read; is the service account's token mounted?")
        }
        let token = String(decoding: bytes, as: UTF8.self).filter { !$0.isWhitespace }
        guard !token.isEmpty else { throw CredentialError(source: name, message: "the token file \(tokenFile) is empty") }
        do throws(AWSError) {
            var credentials = try await sts.assumeRole(role, webIdentity: Secret(token))
            credentials.source += ", by the token in \(tokenFile)"
            return .found(credentials)
        } catch {
            throw CredentialError(source: name, message: "\(role.arn) cannot be assumed with the token in \(tokenFile): \(error)")
        }
    }
}
