/// All problems of a configuration.
package struct ConfigurationProblems: Error, CustomStringConvertible {
    /// One problem each. They hold no secrets.
    package let problems: [ConfigurationProblem]

    init(_ problems: [ConfigurationProblem]) { self.problems = problems }

    /// - Parameter lines: problems that have no place of their own, one each.
    package init(lines: [String]) { problems = lines.map { ConfigurationProblem(file: nil, line: nil, key: nil, message: $0) } }

    /// One problem each, as `file:line: key: what is wrong; what is allowed`.
    package var lines: [String] { problems.map(\.description) }
    /// The problems, one on each line.
    package var description: String { lines.joined(separator: "\n") }
}
