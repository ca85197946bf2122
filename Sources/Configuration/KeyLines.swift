/// Finds the lines of keys in a configuration's text, for messages about it after it was read. Parses the text again, since they are rare.
struct KeyLines {
    private let root: YAMLNode?

    init(_ text: String) { root = try? Document.compose(text) }

    /// The line of a key such as `listeners[0].address`, or of the nearest mapping or list around it if the text lacks it; nil: of none of them.
    func line(of key: String) -> Int? { find(key).line }

    /// Whether the text has the key.
    func contains(_ key: String) -> Bool { find(key).isComplete }

    private func find(_ key: String) -> (line: Int?, isComplete: Bool) {
        var line: Int?
        var node = root
        for step in key.split(whereSeparator: { $0 == "." || $0 == "[" || $0 == "]" }) {
            if let index = Int(step), let items = node?.sequence {
                guard items.indices.contains(index) else { return (line, false) }
                node = items[index]
                line = items[index].line
            } else if let (found, value) = node?.mapping?.first(where: { $0.key.string == String(step) }) {
                node = value
                line = found.line
            } else {
                return (line, false)
            }
        }
        return (line, true)
    }
}
