/// One thing that is wrong in a configuration.
package struct ConfigurationProblem: Sendable, Equatable, Encodable, CustomStringConvertible {
    /// A path, or `environment`; nil: the message says where.
    package let file: String?
    /// From 1; nil: the file as a whole.
    package let line: Int?
    /// Such as `listeners[0].tls.certificate`; nil: the line as a whole.
    package let key: String?
    /// What is wrong; what is allowed. One line.
    package let message: String

    /// `file:line: key: message`
    package var description: String {
        let place = file.map { file in line.map { "\(file):\($0): " } ?? "\(file): " } ?? ""
        return place + (key.map { "\($0): " } ?? "") + message
    }
}
