import FoundationEssentials

/// Text in the syntax of what it is put into. Names of users may contain anything but a colon.
enum Quoted {
    /// One word of a shell command.
    static func shell(_ text: String) -> String {
        let isPlain =
            !text.isEmpty && text.utf8.allSatisfy { ($0 | 0x20) &- 97 < 26 || $0 &- 48 < 10 || "._@%+=:/-".utf8.contains($0) }
        return isPlain ? text : "'" + text.replacing("'", with: "'\\''") + "'"
    }

    /// A string of JSON, which is also one of YAML and of TOML.
    static func json(_ text: String) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .withoutEscapingSlashes
        // Encoding a string does not fail.
        return (try? encoder.encode(text)).map { String(decoding: $0, as: UTF8.self) } ?? "\"\""
    }
}
