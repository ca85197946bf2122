import FoundationEssentials
import Transport

/// One of the two files that SDKs share: `~/.aws/credentials` with `[name]`, `~/.aws/config` with `[profile name]`,
/// `[sso-session name]` and `[services name]` (ECR 4.2).
struct SharedFile: Equatable {
    enum Kind { case credentials, config }
    typealias Setting = INIFile.Setting
    typealias Section = INIFile.Section

    static let sizeLimit = 1 << 20  // bytes; hundreds of profiles fit in a tenth

    let path: String
    private(set) var profiles: [String: Section] = [:], ssoSessions: [String: Section] = [:], services: [String: Section] = [:]

    /// Nil when there is no file at `path`.
    init?(at path: String, kind: Kind) throws(CredentialError) {
        guard let bytes = readFile(path, limit: Self.sizeLimit) else {
            guard FileManager.default.fileExists(atPath: path) else { return nil }
            let limit = "\(Self.sizeLimit >> 20) MiB"
            throw CredentialError(source: "profile", message: "\(path) cannot be read (its permissions?) or is over \(limit)")
        }
        try self.init(bytes, path: path, kind: kind)
    }

    init(_ bytes: [UInt8], path: String, kind: Kind) throws(CredentialError) {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            let line = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
                .firstIndex { String(validating: $0, as: UTF8.self) == nil }
            throw CredentialError(source: "profile", message: "\(path):\((line ?? 0) + 1): not UTF-8; save the file as UTF-8")
        }
        self.path = path
        for (title, settings) in try INIFile(text, path: path).sections {
            if kind == .credentials || title == "default" {
                profiles[title] = settings
            } else if let (kind, name) = Self.parts(of: title) {
                // Of two titles with the same name, as [default] and [profile default], the later section replaces the earlier one.
                self[keyPath: kind][name] = settings
            }
        }
    }

    /// Nil for other sections of the config file. As in botocore, the prefix decides on the kind, and the name is the second of two
    /// shell words.
    private static func parts(of title: String) -> (WritableKeyPath<SharedFile, [String: Section]>, String)? {
        let kinds: [(String, WritableKeyPath<SharedFile, [String: Section]>)] = [
            ("profile", \.profiles), ("sso-session", \.ssoSessions), ("services", \.services),
        ]
        guard let kind = kinds.first(where: { title.hasPrefix($0.0) }), let words = ShellWords.split(title), words.count == 2
        else { return nil }
        return (kind.1, words[1])
    }
}

/// Both files as one: what both say of a profile, the credentials file decides (as botocore merges them).
struct SharedFiles: Equatable {
    let credentialsPath: String, configPath: String
    let credentials: SharedFile?, config: SharedFile?

    init(environment: [String: String]) throws(CredentialError) {
        func path(_ variable: String, _ standard: String) -> String {
            let path = environment.nonEmpty(variable) ?? "~/.aws/\(standard)"
            guard path.hasPrefix("~/"), let home = environment.nonEmpty("HOME") else { return path }
            return home + path.dropFirst()
        }
        credentialsPath = path("AWS_SHARED_CREDENTIALS_FILE", "credentials")
        configPath = path("AWS_CONFIG_FILE", "config")
        credentials = try SharedFile(at: credentialsPath, kind: .credentials)
        config = try SharedFile(at: configPath, kind: .config)
    }

    init(config: SharedFile?, credentials: SharedFile?) {
        (self.config, self.credentials) = (config, credentials)
        (configPath, credentialsPath) = (config?.path ?? "", credentials?.path ?? "")
    }

    func profile(_ name: String) -> SharedFile.Section? {
        let found = [config?.profiles[name], credentials?.profiles[name]].compactMap { $0 }
        return found.isEmpty ? nil : found.reduce(into: [:]) { $0.merge($1) { $1 } }
    }

    /// An address that the profile gives to a service (`ecr`, `sts`): its `[services]` section's before its own for all of them.
    func endpoint(of service: String, profile: String) -> SharedFile.Setting? {
        let settings = self.profile(profile)
        let services = settings?["services"].flatMap { config?.services[$0.value] }
        return services?[service]?.nested["endpoint_url"] ?? settings?["endpoint_url"]
    }
}
