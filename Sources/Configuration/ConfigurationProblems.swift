/// Everything that is wrong with a configuration, found at once: a line each, `file:line: key: what is wrong; what is allowed`.
public struct ConfigurationProblems: Error, CustomStringConvertible {
    public let lines: [String]
    public var description: String { lines.joined(separator: "\n") }
}

/// Gathers problems while a configuration is read. Values that may be secret are never part of one.
final class ProblemList {
    private(set) var lines: [(line: Int, text: String)] = []

    func add(_ place: Place, _ what: String) {
        let prefix = place.line > 0 ? "\(place.file):\(place.line)" : place.file
        let key = place.key.isEmpty ? "" : "\(place.key): "
        lines.append((place.line, "\(prefix): \(key)\(what)"))
    }

    /// In the order of the file.
    func check() throws(ConfigurationProblems) {
        guard lines.isEmpty else {
            throw ConfigurationProblems(
                lines: lines.enumerated().sorted { ($0.element.line, $0.offset) < ($1.element.line, $1.offset) }.map(\.element.text)
            )
        }
    }
}

/// Where something stands: for people.
struct Place {
    var file: String
    /// 0: in no line of it.
    var line: Int
    /// `listeners[0].tls.certificate`.
    var key: String
}
