import FoundationEssentials
import Transport

/// One of the two files that SDKs share: `~/.aws/credentials` with `[name]`, `~/.aws/config` with `[profile name]`,
/// `[sso-session name]` and `[services name]` (wire 4.2).
struct SharedFile: Equatable {
    enum Kind { case credentials, config }
    struct Setting: Equatable {
        let value: String
        /// For people: `/root/.aws/config:12`.
        let place: String
    }
    /// Settings by name in lower case; one that is nested under another as `ecr.endpoint_url`.
    typealias Section = [String: Setting]

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
        try self.init(String(decoding: bytes, as: UTF8.self), path: path, kind: kind)
    }

    init(_ text: String, path: String, kind: Kind) throws(CredentialError) {
        self.path = path
        var section: WritableKeyPath<SharedFile, [String: Section]>?
        var name = "", parent: String?
        var isInSection = false
        // By Unicode scalars' lines: to Swift "\r\n" is one character, and a newline of its own kind.
        for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            let isIndented = line.first == " " || line.first == "\t"
            let content = line.trimmed
            if content.isEmpty || content.hasPrefix("#") || content.hasPrefix(";") { continue }
            if content.hasPrefix("[") {
                guard let end = content.firstIndex(of: "]") else {
                    throw CredentialError(source: "profile", message: "\(path):\(index + 1): a section lacks its closing bracket")
                }
                let title = content[content.index(after: content.startIndex)..<end].trimmed
                (section, name) = Self.section(title, kind)
                (isInSection, parent) = (true, nil)
                if let section { self[keyPath: section][name, default: [:]].merge([:]) { $1 } }
                continue
            }
            guard isInSection, let equals = content.firstIndex(of: "=") else {
                // A nested line of another service's may be of any form.
                if isIndented && isInSection { continue }
                throw CredentialError(source: "profile", message: "\(path):\(index + 1): neither [a section] nor name = value")
            }
            guard let section else { continue }
            var key = content[..<equals].trimmed.lowercased()
            let value = Self.withoutComment(content[content.index(after: equals)...].trimmed)
            if isIndented, let parent { key = "\(parent).\(key)" } else { parent = value.isEmpty ? key : nil }
            // Indented, and under nothing: the SDKs read it as the end of the value above, which nothing here takes.
            if isIndented && !key.contains(".") { continue }
            self[keyPath: section][name]?[key] = Setting(value: value, place: "\(path):\(index + 1)")
        }
    }

    /// Nil for a section that is none of ours: in the config file one without `profile`.
    private static func section(_ title: String, _ kind: Kind) -> (WritableKeyPath<SharedFile, [String: Section]>?, String) {
        if kind == .credentials || title == "default" { return (\.profiles, title) }
        let kinds: [(String, WritableKeyPath<SharedFile, [String: Section]>)] = [
            ("profile", \.profiles), ("sso-session", \.ssoSessions), ("services", \.services),
        ]
        for (word, section) in kinds where title.hasPrefix(word) {
            guard let blank = title.dropFirst(word.count).first, blank == " " || blank == "\t" else { continue }
            let name = title.dropFirst(word.count).trimmed
            let isQuoted = name.count > 1 && name.hasPrefix("\"") && name.hasSuffix("\"")
            return (section, isQuoted ? String(name.dropFirst().dropLast()) : name)
        }
        return (nil, title)
    }

    /// A comment after a value begins with a blank: a secret key may hold `#`.
    private static func withoutComment(_ value: String) -> String {
        for mark in [" #", " ;", "\t#", "\t;"] {
            if let cut = value.firstRange(of: mark) { return withoutComment(value[..<cut.lowerBound].trimmed) }
        }
        return value
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

    func profile(_ name: String) -> SharedFile.Section? {
        let found = [config?.profiles[name], credentials?.profiles[name]].compactMap { $0 }
        return found.isEmpty ? nil : found.reduce(into: [:]) { $0.merge($1) { $1 } }
    }

    /// What each file says of a profile, the credentials file first.
    func sections(of profile: String) -> [SharedFile.Section] {
        [credentials?.profiles[profile], config?.profiles[profile]].compactMap { $0 }
    }

    /// An address that the profile gives to a service (`ecr`, `sts`): its `[services]` section's before its own for all of them.
    func endpoint(of service: String, profile: String) -> SharedFile.Setting? {
        let settings = self.profile(profile)
        let services = settings?["services"].flatMap { config?.services[$0.value] }
        return services?["\(service).endpoint_url"] ?? settings?["endpoint_url"]
    }
}

extension StringProtocol {
    var trimmed: String {
        let blanks: (Character) -> Bool = { $0 == " " || $0 == "\t" || $0 == "\r" }
        guard let first = firstIndex(where: { !blanks($0) }), let last = lastIndex(where: { !blanks($0) }) else { return "" }
        return String(self[first...last])
    }
}
