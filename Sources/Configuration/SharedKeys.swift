import Access
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
        let patterns = section.values(key, meaning, standard: "required", parse: Glob.init) { _ in
            "has characters that no repository name has; names are lower-case letters, digits, . _ - and /"
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
