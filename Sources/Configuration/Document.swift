/// Parses YAML into nodes with their lines.
enum Document {
    struct Problem: Error {
        /// 0: unknown.
        let line: Int
        /// Does not quote the text, which may hold passwords.
        let reason: String
    }

    /// nil: the document is empty.
    static func compose(_ text: String) throws(Problem) -> YAMLNode? {
        try YAMLParser.checkDepth(text)
        let parser = try YAMLParser(text)
        guard let root = try parser.document() else { return nil }
        // Whatever is in a second one would be ignored.
        if let second = try parser.document() { throw Problem(line: second.line, reason: "but found another document") }
        return root.isNull ? nil : root
    }
}
