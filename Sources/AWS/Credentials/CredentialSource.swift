/// A place that may hold credentials. One kind of place is one conformance.
package protocol CredentialSource: Sendable {
    /// As `credentials.source` of the configuration says it: `environment`, `profile`, `instance`.
    var name: String { get }

    /// `absent` passes to the next source; an error means that this one is meant but broken, and ends the search.
    func find() async throws(CredentialError) -> CredentialLookup

    /// The same, and which places were looked in before for nothing, each with the reason.
    func search() async throws(CredentialError) -> (CredentialLookup, passedOver: [String])
}

extension CredentialSource {
    package func search() async throws(CredentialError) -> (CredentialLookup, passedOver: [String]) { (try await find(), []) }
}

package enum CredentialLookup: Sendable {
    case found(Credentials)
    /// Why not, for people: `AWS_ACCESS_KEY_ID is not set`.
    case absent(String)
}

/// Why there are no credentials. Holds no secret.
package struct CredentialError: Error, Sendable, Equatable, CustomStringConvertible {
    package var source: String
    /// What is wrong, where, and the fix.
    package var message: String
    /// Nothing is broken: there are none.
    package var isAbsence: Bool

    package init(source: String, message: String, isAbsence: Bool = false) {
        (self.source, self.message, self.isAbsence) = (source, message, isAbsence)
    }

    package var description: String { "credentials, \(source): \(message)" }
}
