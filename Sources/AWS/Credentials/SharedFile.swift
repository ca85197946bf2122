import FoundationEssentials
import Transport

/// One of the two files that the SDKs share: `~/.aws/credentials` with `[name]`, `~/.aws/config` with `[profile name]`,
/// `[sso-session name]` and `[services name]` (ECR 4.2).
struct SharedFile: Equatable {
    enum Kind { case credentials, config }
    typealias Setting = INIFile.Setting
    typealias Section = INIFile.Section

    /// Hundreds of profiles fit in a tenth of it.
    static let maxBytes = 1 << 20

    let path: String
    private(set) var profiles: [String: Section] = [:], ssoSessions: [String: Section] = [:], services: [String: Section] = [:]

    /// Returns nil when there is no file at `path`.
    init?(at path: String, kind: Kind) throws(CredentialError) {
        guard let bytes = readFile(path, limit: Self.maxBytes) else {
            guard FileManager.default.fileExists(atPath: path) else { return nil }
            let limit = "\(Self.maxBytes >> 20) MiB"
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

    /// Kind and name of a section; nil for sections of other kinds. As in botocore, the prefix decides on the kind, and the name is the second
    /// of two shell words.
    private static func parts(of title: String) -> (WritableKeyPath<SharedFile, [String: Section]>, String)? {
        let kinds: [(String, WritableKeyPath<SharedFile, [String: Section]>)] = [
            ("profile", \.profiles), ("sso-session", \.ssoSessions), ("services", \.services),
        ]
        guard let kind = kinds.first(where: { title.hasPrefix($0.0) }), let words = ShellWords.split(title), words.count == 2
        else { return nil }
        return (kind.1, words[1])
    }
}
