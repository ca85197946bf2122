/// Everything that is wrong with a configuration, found at once: a line each, `file:line: key: what is wrong; what is allowed`.
package struct ConfigurationProblems: Error, CustomStringConvertible {
    package let lines: [String]
    package init(lines: [String]) { self.lines = lines }
    package var description: String { lines.joined(separator: "\n") }
}

/// Gathers problems while a configuration is read. Values that may be secret are never part of one.
final class ProblemList {
    /// The file whose problems are told first; those of the files that it names follow.
    private let file: String
    private var found: [(place: Place, text: String)] = []

    init(file: String) { self.file = file }

    /// - Parameter what: kept on one line.
    func add(_ place: Place, _ what: String) {
        found.append((place, Self.line(place, what)))
    }

    /// The same line of what is no problem.
    static func line(_ place: Place, _ what: String) -> String {
        let prefix = place.line > 0 ? "\(place.file):\(place.line)" : place.file
        let key = place.key.isEmpty ? "" : "\(place.key): "
        return String("\(prefix): \(key)\(what)".map { $0.isNewline ? " " : $0 })
    }

    /// In the order of the lines.
    func check() throws(ConfigurationProblems) {
        guard !found.isEmpty else { return }
        let ordered = found.enumerated().sorted { left, right in
            rank(left.element.place, left.offset) < rank(right.element.place, right.offset)
        }
        throw ConfigurationProblems(lines: ordered.map(\.element.text))
    }

    private func rank(_ place: Place, _ offset: Int) -> (Int, String, Int, Int) {
        (place.file == file ? 0 : 1, place.file, place.line, offset)
    }
}

/// Where something stands: for people.
struct Place {
    var file: String
    /// 0: in no line of it.
    var line: Int
    /// `listeners[0].tls.certificate`.
    var key: String

    /// - Parameter line: nil when the key is missing: then it is looked for here.
    func inside(_ name: String, line: Int? = nil) -> Place {
        Place(file: file, line: line ?? self.line, key: key.isEmpty ? name : "\(key).\(name)")
    }

    func item(_ index: Int, line: Int?) -> Place { Place(file: file, line: line ?? self.line, key: "\(key)[\(index)]") }
}
