/// Splits text into words as a POSIX shell does, without expansions: like Python's `shlex.split`.
enum ShellWords {
    /// Returns nil when a quote is not closed, or a backslash is the last character.
    static func split(_ text: String) -> [String]? {
        var words: [String] = []
        var word: String.UnicodeScalarView?
        var quote: Unicode.Scalar?
        // By Unicode scalars, as in Python: a quote followed by a combining mark is still a quote.
        var rest = text.unicodeScalars[...]
        while let scalar = rest.popFirst() {
            switch (scalar, quote) {
            case ("\\", nil):
                guard let next = rest.popFirst() else { return nil }
                word = (word ?? .init()) + [next]
            case ("\\", "\""):
                guard let next = rest.popFirst() else { return nil }
                word = (word ?? .init()) + (next == "\"" || next == "\\" ? [next] : ["\\", next])
            case (_, .some(let open)) where scalar == open: quote = nil
            case ("'", nil), ("\"", nil):
                quote = scalar
                word = word ?? .init()
            case (" ", nil), ("\t", nil), ("\r", nil), ("\n", nil):
                if let word { words.append(String(word)) }
                word = nil
            default: word = (word ?? .init()) + [scalar]
            }
        }
        guard quote == nil else { return nil }
        return words + (word.map { [String($0)] } ?? [])
    }
}
