/// Why there are no credentials. Contains no secret.
package struct CredentialError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The source's name.
    package var source: String
    /// What is wrong, where, and how to mend it.
    package var message: String
    /// Whether no source has credentials, as opposed to one that does not work.
    package var isAbsence: Bool

    /// - Parameters:
    ///   - source: the source's name.
    ///   - isAbsence: whether no source has credentials, as opposed to one that does not work.
    package init(source: String, message: String, isAbsence: Bool = false) {
        (self.source, self.message, self.isAbsence) = (source, message, isAbsence)
    }

    /// One line for the log.
    package var description: String { "credentials, \(source): \(message)" }
}
