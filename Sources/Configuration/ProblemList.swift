/// Collects problems while a configuration is read, so that all of them are reported at once. Callers must not quote values that may be secret.
final class ProblemList {
    /// Its problems are reported before those of the files that it names.
    private let file: String
    /// The files that the configuration names.
    let files = NamedFiles()
    private var found: [(location: KeyLocation, problem: ConfigurationProblem)] = []

    init(file: String) { self.file = file }

    /// - Parameter problem: what is wrong; what is allowed.
    func add(_ location: KeyLocation, _ problem: String) {
        found.append((location, Self.problem(location, problem)))
    }

    /// `file:line: key: text`, on one line. Also the form of warnings.
    static func line(_ location: KeyLocation, _ text: String) -> String { problem(location, text).description }

    private static func problem(_ location: KeyLocation, _ text: String) -> ConfigurationProblem {
        ConfigurationProblem(
            file: oneLine(location.file), line: location.line > 0 ? location.line : nil,
            key: location.key.isEmpty ? nil : oneLine(location.key), message: oneLine(text))
    }

    private static func oneLine(_ text: String) -> String { String(text.map { $0.isNewline ? " " : $0 }) }

    /// Throws the problems in the order of their lines, if there are any.
    func check() throws(ConfigurationProblems) {
        guard !found.isEmpty else { return }
        let ordered = found.enumerated().sorted { left, right in
            rank(left.element.location, left.offset) < rank(right.element.location, right.offset)
        }
        throw ConfigurationProblems(ordered.map(\.element.problem))
    }

    private func rank(_ location: KeyLocation, _ offset: Int) -> (Int, String, Int, Int) {
        (location.file == file ? 0 : 1, location.file, location.line, offset)
    }
}
