/// A Swift file, and what it declares. Read line by line, which suffices for code that `swift format` has laid out.
struct SwiftSource {
    /// From the repository's root.
    let path: String
    /// As they are.
    let lines: [Substring]
    /// The same lines without comments and the text of literals.
    let code: [Substring]
    /// The declarations in it. Local variables are among them.
    let declarations: [Declaration]
    /// The types that are extended at the top level: `Settings.Limits`, `[UInt8]`.
    let extensions: [String]
    /// Its words that are no members: `Settings` in `Settings.Limits`.
    let words: Set<Substring>

    struct Declaration {
        /// From 0.
        let line: Int
        /// `package`, `static`, attributes.
        let modifiers: [Substring]
        /// `struct`, `func`, `init` and so on.
        let kind: Substring
        /// The name; of an initialiser, `init` or `init?`.
        let name: Substring
        let isTopLevel: Bool

        var isType: Bool { ["struct", "class", "enum", "actor", "protocol", "typealias"].contains(kind) }
        var isPrivate: Bool { modifiers.contains("private") || modifiers.contains("fileprivate") }
    }

    init(path: String, text: String) {
        self.path = path
        lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        code = Substring(SwiftCode.of(text)).split(separator: "\n", omittingEmptySubsequences: false)
        var declarations: [Declaration] = [], extensions: [String] = [], words = Set<Substring>()
        var depth = 0
        for (number, line) in code.enumerated() {
            if let declaration = Self.declaration(in: line, number, isTopLevel: depth == 0) { declarations.append(declaration) }
            if depth == 0, let extended = Self.extended(in: line) { extensions.append(extended) }
            for byte in line.utf8 { depth += byte == UInt8(ascii: "{") ? 1 : byte == UInt8(ascii: "}") ? -1 : 0 }
            words.formUnion(Self.words(in: line))
        }
        (self.declarations, self.extensions, self.words) = (declarations, extensions, words)
    }

    /// `Sources/Gateway/Log/AccessLog.swift` → `Gateway`.
    var target: Substring { path.split(separator: "/")[1] }
    var name: Substring { path.split(separator: "/").last ?? "" }

    /// Modules, with the line of each import.
    var imports: [Substring] {
        code.compactMap { line in
            let words = line.split(separator: " ")
            guard let at = words.firstIndex(of: "import"), at <= 2, words.count > at + 1 else { return nil }
            return words[words.count - 1].split(separator: ".").first
        }
    }

    private static let kinds: Set<Substring> = [
        "struct", "class", "enum", "actor", "protocol", "typealias", "func", "let", "var", "init", "init?", "subscript",
    ]
    private static let modifiers: Set<Substring> = [
        "package", "public", "private", "fileprivate", "internal", "final", "static", "nonisolated", "mutating", "consuming",
        "borrowing", "indirect", "lazy", "weak", "unowned", "isolated", "override", "convenience", "required",
    ]

    private static func declaration(in line: Substring, _ number: Int, isTopLevel: Bool) -> Declaration? {
        var found: [Substring] = []
        var words = line.split(separator: " ")[...]
        while let word = words.popFirst() {
            let start = word.prefix { $0 != "(" && $0 != "<" }
            if kinds.contains(start), start == word || start.hasPrefix("init") || start == "subscript" {
                let name = start == word ? words.first.map { $0.prefix { !"(:=<,{".contains($0) } } ?? "" : start
                return Declaration(line: number, modifiers: found, kind: start, name: name, isTopLevel: isTopLevel)
            }
            guard modifiers.contains(start) || word.hasPrefix("@") else { return nil }
            found.append(word)
        }
        return nil
    }

    private static func extended(in line: Substring) -> String? {
        let words = line.split(separator: " ")
        guard let at = words.firstIndex(of: "extension"), at <= 2, words.count > at + 1 else { return nil }
        return String(words[at + 1].prefix { $0 != ":" && $0 != "{" })
    }

    private static func words(in line: Substring) -> [Substring] {
        let bytes = line.utf8
        var words: [Substring] = []
        var start: Substring.Index?
        var previous = UInt8(ascii: " ")
        for index in bytes.indices {
            let byte = bytes[index]
            let isPart = (byte | 0x20) &- 97 < 26 || byte &- 48 < 10 || byte == UInt8(ascii: "_")
            if isPart, start == nil, previous != UInt8(ascii: ".") { start = index }
            if !isPart, let begun = start {
                words.append(line[begun..<index])
                start = nil
            }
            // A member's name goes on after its first letter.
            if !isPart || previous != UInt8(ascii: ".") { previous = byte }
        }
        if let start { words.append(line[start...]) }
        return words
    }
}
