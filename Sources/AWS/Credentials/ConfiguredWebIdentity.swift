import Configuration

/// The web identity that the environment or the profile sets up. For each setting the variable takes precedence over the profile, as in
/// botocore.
struct ConfiguredWebIdentity: CredentialSource {
    let name = "web_identity"
    let sources: CredentialSources
    /// The configuration's; the environment's variables are then ignored.
    let profile: String?

    func find() async throws(CredentialError) -> CredentialLookup {
        let files = try SharedFiles(environment: sources.environment)
        let settings = files.profile(profile ?? sources.environment.chosenProfile?.name ?? "default")
        func value(_ variable: String, _ key: String) -> String? {
            (profile == nil ? sources.environment.nonEmpty(variable) : nil)
                ?? settings?[key].flatMap { $0.value.isEmpty ? nil : $0.value }
        }
        guard let file = value("AWS_WEB_IDENTITY_TOKEN_FILE", "web_identity_token_file") else {
            return .absent("AWS_WEB_IDENTITY_TOKEN_FILE is not set")
        }
        guard let arn = value("AWS_ROLE_ARN", "role_arn") else {
            throw CredentialError(source: name, message: "there is a token file, \(file), and no role: set AWS_ROLE_ARN too")
        }
        let role = AssumedRole(arn: arn, sessionName: value("AWS_ROLE_SESSION_NAME", "role_session_name") ?? "berth")
        return try await WebIdentityCredentials(role: role, tokenFile: file, sts: sources.sts).find()
    }
}
