import Crypto
import Transport

/// A role for whoever holds an identity provider's token: IRSA in EKS, CI systems (ECR 4.3). The token's file is read at each
/// search: it is rotated.
struct WebIdentityCredentials: CredentialSource {
    let name = "web_identity"
    let role: AssumedRole
    let tokenFile: String
    let sts: STSClient

    private static let tokenLimit = 64 << 10  // bytes; STS takes 20,000 characters

    func find() async throws(CredentialError) -> CredentialLookup {
        guard let bytes = readFile(tokenFile, limit: Self.tokenLimit) else {
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

/// What the environment, and where it is silent the profile, say of a web identity (botocore asks them in this order, key by key).
struct WebIdentityChoice: CredentialSource {
    let name = "web_identity"
    let makers: CredentialSources
    /// The configuration's own choice: the environment is then not asked.
    let profile: String?

    func find() async throws(CredentialError) -> CredentialLookup {
        let files = try SharedFiles(environment: makers.environment)
        let settings = files.profile(profile ?? makers.environment.chosenProfile?.name ?? "default")
        func value(_ variable: String, _ key: String) -> String? {
            (profile == nil ? makers.environment.nonEmpty(variable) : nil)
                ?? settings?[key].flatMap { $0.value.isEmpty ? nil : $0.value }
        }
        guard let file = value("AWS_WEB_IDENTITY_TOKEN_FILE", "web_identity_token_file") else {
            return .absent("AWS_WEB_IDENTITY_TOKEN_FILE is not set")
        }
        guard let arn = value("AWS_ROLE_ARN", "role_arn") else {
            throw CredentialError(source: name, message: "there is a token file, \(file), and no role: set AWS_ROLE_ARN too")
        }
        let role = AssumedRole(arn: arn, sessionName: value("AWS_ROLE_SESSION_NAME", "role_session_name") ?? "berth")
        return try await WebIdentityCredentials(role: role, tokenFile: file, sts: makers.sts).find()
    }
}
