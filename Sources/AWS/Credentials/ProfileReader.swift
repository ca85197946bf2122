import Configuration
import Crypto

/// Reads plans from the shared files. Errors name the profile, file and line.
struct ProfileReader {
    let files: SharedFiles

    /// Roles in a chain. A longer one is a mistake.
    private static let maxRoles = 8

    /// Returns nil when the profile sets up no credentials by these methods.
    func plan(of profile: String, methods: ProfilePlan.Methods = .all) throws(CredentialError) -> ProfilePlan? {
        try plan(of: profile, methods: methods, on: [])
    }

    private func plan(of profile: String, methods: ProfilePlan.Methods, on path: [String]) throws(CredentialError) -> ProfilePlan? {
        guard let settings = files.profile(profile) else { return nil }
        if methods == .process {
            return settings["credential_process"].map { .process(command: $0.value, place: $0.place) }
        }
        if methods != .others, settings["web_identity_token_file"] == nil, let arn = settings["role_arn"] {
            return try role(arn, of: profile, settings, on: path)
        }
        return methods == .role ? nil : try others(of: profile, settings)
    }

    /// What a profile has other than a role, in botocore's order: web identity, single sign-on, the credentials file's keys, a process, the
    /// config file's keys.
    private func others(of profile: String, _ settings: SharedFile.Section) throws(CredentialError) -> ProfilePlan? {
        if let file = settings["web_identity_token_file"], !file.value.isEmpty {
            guard let arn = settings["role_arn"], !arn.value.isEmpty else {
                throw error("\(file.place): web_identity_token_file needs a role_arn beside it")
            }
            var role = try assumed(arn, settings)
            role.externalID = nil  // AssumeRoleWithWebIdentity has no such parameter
            return .webIdentity(role, tokenFile: file.value)
        }
        if settings["sso_account_id"] != nil || settings["sso_role_name"] != nil { return try singleSignOn(profile, settings) }
        if let keys = try keys(in: files.credentials, profile) { return .keys(keys) }
        if let login = settings["login_session"] {
            throw error(
                "\(login.place): login_session: a console login needs a user; give Berth a role, a process or keys of its own")
        }
        if let process = settings["credential_process"] { return .process(command: process.value, place: process.place) }
        if let keys = try keys(in: files.config, profile) { return .keys(keys) }
        // botocore ignores a secret without an access key id. This does so only when the profile has other credentials.
        if let secret = settings["aws_secret_access_key"] {
            throw error("\(secret.place): half of a key pair: aws_access_key_id is missing")
        }
        return nil
    }

    private func role(
        _ arn: SharedFile.Setting, of profile: String, _ settings: SharedFile.Section, on path: [String]
    ) throws(CredentialError) -> ProfilePlan {
        if let mfa = settings["mfa_serial"] {
            throw error("\(mfa.place): mfa_serial: Berth cannot enter a code; use a role without MFA")
        }
        let role = try assumed(arn, settings)
        switch (settings["source_profile"], settings["credential_source"]) {
        case (let source?, nil):
            return .role(role, by: try plan(behind: source, of: profile, on: path + [profile]))
        case (nil, let source?):
            guard let machine = ProfilePlan.MachineSource(rawValue: source.value) else {
                let known = ProfilePlan.MachineSource.allCases.map(\.rawValue).joined(separator: ", ")
                throw error("\(source.place): credential_source '\(source.value)' is not known; write one of \(known)")
            }
            return .role(role, by: .machine(machine))
        case (let source?, _?):
            throw error("\(source.place): source_profile and credential_source are both set; keep one")
        case (nil, nil):
            throw error(
                "\(arn.place): role_arn needs a source_profile or a credential_source, which names the credentials that assume the role"
            )
        }
    }

    private func plan(behind source: SharedFile.Setting, of profile: String, on path: [String]) throws(CredentialError)
        -> ProfilePlan
    {
        guard let settings = files.profile(source.value) else {
            throw error(
                "\(source.place): source_profile '\(source.value)' is in neither \(files.credentialsPath) nor \(files.configPath)")
        }
        let hasKeys = settings["aws_access_key_id"] != nil || settings["aws_secret_access_key"] != nil
        guard source.value == profile || !path.contains(source.value) else {
            throw error(
                "\(source.place): source_profile leads in a circle: \((path + [source.value]).joined(separator: " -> "))")
        }
        // A profile may name itself when it has keys of its own, which then assume its role.
        guard source.value != profile || hasKeys else {
            throw error("\(source.place): the profile names itself as source_profile and has no keys of its own")
        }
        guard path.count < Self.maxRoles else {
            throw error("\(source.place): more than \(Self.maxRoles) profiles refer to one another")
        }
        // The keys of a source profile take precedence over its role.
        let plan =
            try hasKeys
            ? others(of: source.value, settings) : plan(of: source.value, methods: .all, on: path)
        guard let plan else { throw error("\(source.place): source_profile '\(source.value)' has no credentials") }
        return plan
    }

    private func assumed(_ arn: SharedFile.Setting, _ settings: SharedFile.Section) throws(CredentialError) -> AssumedRole {
        var role = AssumedRole(arn: arn.value, externalID: settings["external_id"]?.value)
        if let name = settings["role_session_name"] { role.sessionName = name.value }
        if let duration = settings["duration_seconds"] {
            guard let seconds = Int(duration.value), (900...43_200).contains(seconds) else {
                throw error("\(duration.place): duration_seconds '\(duration.value)' is not 900 to 43200")
            }
            role.seconds = seconds
        }
        return role
    }

    private func singleSignOn(_ profile: String, _ settings: SharedFile.Section) throws(CredentialError) -> ProfilePlan {
        func needed(_ key: String, in section: SharedFile.Section, _ owner: String) throws(CredentialError) -> String {
            guard let setting = section[key] else { throw error("\(owner) lacks \(key) for single sign-on") }
            return setting.value
        }
        let owner = "profile \(profile) in \(files.configPath)"
        let account = try needed("sso_account_id", in: settings, owner)
        let role = try needed("sso_role_name", in: settings, owner)
        if let session = settings["sso_session"] {
            guard let section = files.config?.ssoSessions[session.value] else {
                throw error("\(session.place): there is no [sso-session \(session.value)]")
            }
            for (key, own) in settings {
                guard let other = section[key], other.value != own.value else { continue }
                throw error("\(own.place): \(key) is not what [sso-session \(session.value)] says; keep one")
            }
            let region = try needed("sso_region", in: settings.merging(section) { $1 }, "[sso-session \(session.value)]")
            return .singleSignOn(.init(cacheName: session.value, region: region, account: account, role: role, profile: profile))
        }
        let url = try needed("sso_start_url", in: settings, owner), region = try needed("sso_region", in: settings, owner)
        return .singleSignOn(.init(cacheName: url, region: region, account: account, role: role, profile: profile))
    }

    /// Returns nil without an access key id.
    private func keys(in file: SharedFile?, _ profile: String) throws(CredentialError) -> Credentials? {
        guard let section = file?.profiles[profile], let key = section["aws_access_key_id"] else { return nil }
        guard let secret = section["aws_secret_access_key"] else {
            throw error("\(key.place): half of a key pair: aws_secret_access_key is missing")
        }
        // botocore prefers the older name.
        let token = section["aws_security_token"] ?? section["aws_session_token"]
        for setting in [key, secret, token].compactMap({ $0 }) where setting.value.contains(where: \.isWhitespace) {
            throw error("\(setting.place): the value contains white space; write comments on lines of their own")
        }
        for setting in [key, secret] where setting.value.isEmpty { throw error("\(setting.place): the value is empty") }
        return Credentials(
            accessKeyID: key.value, secretAccessKey: Secret(secret.value), sessionToken: token.map { Secret($0.value) },
            source: "profile \(profile) (\(key.place))")
    }

    private func error(_ message: String) -> CredentialError { CredentialError(source: "profile", message: message) }
}
