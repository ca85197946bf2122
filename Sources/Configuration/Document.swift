import Yams

/// Parses YAML into nodes with their lines. Yams stops at a repeated key; here such a key is marked in the text and the parse repeated, so that
/// problems further down are found too.
enum Document {
    enum Problem: Error {
        /// - Parameter line: 0: unknown.
        case notYAML(line: Int, String)
    }

    /// Put before a repeated key: a private-use character, which no key of Berth's has.
    private static let mark: Unicode.Scalar = "\u{E000}"
    private static let maxRepeatedKeys = 100

    /// nil: the document is empty.
    static func compose(_ text: String) throws(Problem) -> Node? {
        var text = text
        for _ in 0...maxRepeatedKeys {
            do {
                let node = try Yams.compose(yaml: text)
                return node?.null == nil ? node : nil
            } catch YamlError.duplicatedKeysInMapping(let names, let first) {
                // The error's own description quotes the file, which may hold passwords.
                guard let name = names.first, let marked = marking(name, at: first.mark, in: text) else {
                    throw .notYAML(line: first.mark.line, "a key is here more than once")
                }
                text = marked
            } catch {
                throw described(error)
            }
        }
        throw .notYAML(line: 0, "more than \(maxRepeatedKeys) keys are here more than once")
    }

    /// A marked key without its marks; nil for a key that has none.
    static func repeatedKey(_ key: String) -> String? {
        let bare = key.unicodeScalars.drop { $0 == mark }
        return bare.count < key.unicodeScalars.count ? String(bare) : nil
    }

    /// The text with a mark before this key; nil if the key is not there.
    /// - Parameter place: of the key's first character or quote. Lines and columns count from 1; a column is a Unicode scalar.
    private static func marking(_ name: String, at place: Mark, in text: String) -> String? {
        var scalars = Array(text.unicodeScalars)
        let lineStarts = [0] + scalars.indices.filter { scalars[$0] == "\n" }.map { $0 + 1 }
        guard lineStarts.indices.contains(place.line - 1) else { return nil }
        var at = lineStarts[place.line - 1] + place.column - 1
        if scalars.indices.contains(at), scalars[at] == "\"" || scalars[at] == "'" { at += 1 }
        guard at < scalars.count, scalars[at...].starts(with: name.unicodeScalars) else { return nil }
        scalars.insert(mark, at: at)
        var marked = String.UnicodeScalarView()
        marked.append(contentsOf: scalars)
        return String(marked)
    }

    private static func described(_ error: any Error) -> Problem {
        switch error {
        case YamlError.scanner(_, let problem, let mark, _), YamlError.parser(_, let problem, let mark, _),
            YamlError.composer(_, let problem, let mark, _):
            .notYAML(line: mark.line, problem)
        case YamlError.reader(let problem, _, _, _): .notYAML(line: 0, problem)
        default: .notYAML(line: 0, "it cannot be parsed")
        }
    }
}
