/// All problems of a configuration.
package struct ConfigurationProblems: Error, CustomStringConvertible {
    /// One problem each, as `file:line: key: what is wrong; what is allowed`. They hold no secrets.
    package let lines: [String]
    /// - Parameter lines: as `lines` says.
    package init(lines: [String]) { self.lines = lines }
    /// The problems, one on each line.
    package var description: String { lines.joined(separator: "\n") }
}
