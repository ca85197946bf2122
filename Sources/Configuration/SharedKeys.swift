import Access
import Crypto
import HTTP
import Transport

/// Keys that several sections have, and checks that several lists need.
enum SharedKeys {
    /// The host at which a client addresses the gateway.
    static func host(_ section: Section, _ meaning: String) -> HostName? {
        guard let text = section.string("host", meaning) else { return nil }
        if let host = ConfiguredHost.withoutPort(text) { return host }
        section.problem("host", "\(section.quoted("host")) is not a host; write one like registry.example.com, without a port")
        return nil
    }

    /// The registry that a client means (containerd's `ns`, ECR 6), perhaps with a port.
    static func namespace(_ section: Section, _ meaning: String) -> HostName? {
        guard let text = section.string("namespace", meaning) else { return nil }
        if let namespace = ConfiguredHost.parse(text) { return namespace }
        section.problem("namespace", "\(section.quoted("namespace")) is not a registry's host; write one like docker.io")
        return nil
    }

    /// A required list of patterns of repository names.
    static func patterns(_ section: Section, _ key: String, _ meaning: String) -> [Glob] {
        let example = "a list of names, * within a segment, ** across: [\"team-a/**\"]"
        if !section.has(key) { section.problem(key, "missing; write \(example)") }
        let patterns = section.values(key, meaning, standard: "required", parse: Glob.init) { text in
            Glob.problem(with: text) ?? "is no pattern"
        }
        if patterns?.isEmpty == true { section.problem(key, "this is empty; write \(example)") }
        return patterns ?? []
    }

    static func networks(_ section: Section, _ key: String, _ meaning: String, standard: String = "") -> [Network]? {
        section.values(key, meaning, standard: standard) {
            Network($0)
        } problem: { _ in
            "is not a network; write one like 10.0.0.0/8 or fd00::/8"
        }
    }

    /// The secret in the file that the key names, without white space at either end.
    /// - Parameters:
    ///   - kind: for the message: `a key`.
    ///   - min: the least number of bytes.
    static func secret(_ section: Section, _ key: String, _ kind: String, min: Int, _ meaning: String, standard: String)
        -> Secret<[UInt8]>?
    {
        guard let text = section.fileText(key, isSecret: true, meaning, standard: standard) else { return nil }
        func isBlank(_ byte: UInt8) -> Bool { byte == 32 || (9...13).contains(byte) }
        let secret = Array(text.utf8.drop(while: isBlank).reversed().drop(while: isBlank).reversed())
        if secret.count >= min { return Secret(secret) }
        section.problem(
            key,
            "\(section.quoted(key)) holds \(secret.count) bytes; \(kind) has at least \(min): make one with openssl rand -base64 48"
        )
        return nil
    }

    /// Reports each section whose `name` an earlier one has.
    static func checkNamesDiffer(_ sections: [Section]) {
        var seen: Set<String> = []
        for section in sections {
            if let text = section.readText("name"), !seen.insert(text).inserted {
                section.problem("name", "\(section.quoted("name")) is used twice; names must differ")
            }
        }
    }
}
