import Crypto

/// Keys that stand in a profile of the files SDKs share (wire 4.2).
public struct ProfileCredentials: CredentialSource {
    public let name = "profile"
    private let profile: String
    /// Somebody asked for this very profile: that it is missing is an error then.
    private let isChosen: Bool
    private let credentialsPath: String, configPath: String

    /// What a profile may ask for besides keys of its own, and what that is called.
    private static let otherWays = [
        ("role_arn", "assuming a role"), ("sso_session", "single sign-on"), ("sso_start_url", "single sign-on"),
        ("login_session", "a console login"), ("web_identity_token_file", "web identity"),
        ("credential_process", "a credential process"),
        ("credential_source", "a credential source"),
    ]

    /// `profile`: the configuration's choice; nil leaves it to `AWS_PROFILE`, `AWS_DEFAULT_PROFILE` and then `default`.
    public init(environment: [String: String], profile: String? = nil) {
        let chosen = profile ?? environment.nonEmpty("AWS_PROFILE") ?? environment.nonEmpty("AWS_DEFAULT_PROFILE")
        self.profile = chosen ?? "default"
        isChosen = chosen != nil
        func path(_ variable: String, _ standard: String) -> String {
            let path = environment.nonEmpty(variable) ?? "~/.aws/\(standard)"
            guard path.hasPrefix("~/"), let home = environment.nonEmpty("HOME") else { return path }
            return home + path.dropFirst()
        }
        credentialsPath = path("AWS_SHARED_CREDENTIALS_FILE", "credentials")
        configPath = path("AWS_CONFIG_FILE", "config")
    }

    public func find() async throws(CredentialError) -> CredentialLookup {
        let files = [
            try SharedFile(at: credentialsPath, kind: .credentials), try SharedFile(at: configPath, kind: .config),
        ].compactMap { $0 }
        let found = files.compactMap { file in file.profiles[profile].map { (path: file.path, settings: $0) } }
        guard !found.isEmpty else {
            let message = "no profile \(profile) in \(credentialsPath) or \(configPath)"
            if isChosen { throw CredentialError(source: name, message: message + ": add it, or choose another with AWS_PROFILE") }
            return .absent(message)
        }
        // A role goes before keys: they are then what assumes it.
        if let (place, way) = otherWay(in: found, among: Self.otherWays.prefix(1)) { throw unsupported(place, way) }
        for (path, settings) in found {
            guard let credentials = try keys(in: settings, path: path) else { continue }
            return .found(credentials)
        }
        if let (place, way) = otherWay(in: found, among: Self.otherWays[...]) { throw unsupported(place, way) }
        let message = "profile \(profile) in \(found.map(\.path).joined(separator: " and ")) holds no aws_access_key_id"
        if isChosen { throw CredentialError(source: name, message: message) }
        return .absent(message)
    }

    private func keys(in settings: SharedFile.Profile, path: String) throws(CredentialError) -> Credentials? {
        let key = settings["aws_access_key_id"], secret = settings["aws_secret_access_key"]
        guard let key, let secret else {
            if let half = key ?? secret {
                let missing = key == nil ? "aws_access_key_id" : "aws_secret_access_key"
                throw CredentialError(source: name, message: "\(path):\(half.line): half of a key pair: \(missing) is missing")
            }
            return nil
        }
        for setting in [key, secret] where setting.value.isEmpty {
            throw CredentialError(source: name, message: "\(path):\(setting.line): the value is empty")
        }
        let token = settings["aws_session_token"]?.value
        return Credentials(
            accessKeyID: key.value, secretAccessKey: Secret(secret.value),
            sessionToken: token.flatMap { $0.isEmpty ? nil : Secret($0) },
            source: "profile \(profile) (\(path):\(key.line))")
    }

    private func otherWay(
        in found: [(path: String, settings: SharedFile.Profile)], among ways: ArraySlice<(String, String)>
    ) -> (place: String, way: String)? {
        for (key, way) in ways {
            for (path, settings) in found {
                if let setting = settings[key] { return ("\(path):\(setting.line): \(key)", way) }
            }
        }
        return nil
    }

    private func unsupported(_ place: String, _ way: String) -> CredentialError {
        CredentialError(
            source: name,
            message: "\(place): \(way) from a profile is not supported yet; give profile \(profile) an aws_access_key_id and an "
                + "aws_secret_access_key, or use the environment or an instance role")
    }
}
