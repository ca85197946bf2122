import FoundationEssentials
import Transport

/// One of the two files that SDKs share: `~/.aws/credentials` with `[name]`, `~/.aws/config` with `[profile name]` (wire 4.2).
struct SharedFile {
    enum Kind { case credentials, config }
    struct Setting: Equatable {
        let value: String
        /// From 1.
        let line: Int
    }
    typealias Profile = [String: Setting]

    static let sizeLimit = 1 << 20  // bytes; hundreds of profiles fit in a tenth

    let path: String
    private(set) var profiles: [String: Profile] = [:]

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
        var profile: String?
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
                profile = Self.profile(named: content[content.index(after: content.startIndex)..<end].trimmed, kind)
                isInSection = true
                if let profile { profiles[profile, default: [:]].merge([:]) { $1 } }
                continue
            }
            // Nested settings (`s3 =` and indented lines under it) concern other services.
            if isIndented && isInSection { continue }
            guard isInSection, let equals = content.firstIndex(of: "=") else {
                throw CredentialError(source: "profile", message: "\(path):\(index + 1): neither [a section] nor name = value")
            }
            guard let profile else { continue }
            let value = Self.withoutComment(content[content.index(after: equals)...].trimmed)
            profiles[profile]?[content[..<equals].trimmed.lowercased()] = Setting(value: value, line: index + 1)
        }
    }

    /// Nil for `[sso-session x]`, `[services x]` and, in the config file, a section without `profile`.
    private static func profile(named section: String, _ kind: Kind) -> String? {
        if kind == .credentials || section == "default" { return section }
        guard section.hasPrefix("profile"), let blank = section.dropFirst("profile".count).first, blank == " " || blank == "\t"
        else {
            return nil
        }
        let name = section.dropFirst("profile".count).trimmed
        return name.count > 1 && name.hasPrefix("\"") && name.hasSuffix("\"") ? String(name.dropFirst().dropLast()) : name
    }

    /// A comment after a value begins with a blank: a secret key may hold `#`.
    private static func withoutComment(_ value: String) -> String {
        for mark in [" #", " ;", "\t#", "\t;"] {
            if let cut = value.firstRange(of: mark) { return withoutComment(value[..<cut.lowerBound].trimmed) }
        }
        return value
    }
}

extension StringProtocol {
    var trimmed: String {
        let blanks: (Character) -> Bool = { $0 == " " || $0 == "\t" || $0 == "\r" }
        guard let first = firstIndex(where: { !blanks($0) }), let last = lastIndex(where: { !blanks($0) }) else { return "" }
        return String(self[first...last])
    }
}
