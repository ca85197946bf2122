/// A place that may hold credentials. One kind of place is one conformance.
public protocol CredentialSource: Sendable {
    /// As `credentials.source` of the configuration says it: `environment`, `profile`, `instance`.
    var name: String { get }

    /// `absent` passes to the next source; an error means that this one is meant but broken, and ends the search.
    func find() async throws(CredentialError) -> CredentialLookup

    /// The same, and which places were looked in before for nothing, each with the reason.
    func search() async throws(CredentialError) -> (CredentialLookup, passedOver: [String])
}

extension CredentialSource {
    public func search() async throws(CredentialError) -> (CredentialLookup, passedOver: [String]) { (try await find(), []) }
}

public enum CredentialLookup: Sendable {
    case found(Credentials)
    /// Why not, for people: `AWS_ACCESS_KEY_ID is not set`.
    case absent(String)
}

/// Why there are no credentials. Holds no secret.
public struct CredentialError: Error, Sendable, Equatable, CustomStringConvertible {
    public var source: String
    /// What is wrong, where, and the fix.
    public var message: String
    /// Nothing is broken: there are none.
    public var isAbsence: Bool

    public init(source: String, message: String, isAbsence: Bool = false) {
        (self.source, self.message, self.isAbsence) = (source, message, isAbsence)
    }

    public var description: String { "credentials, \(source): \(message)" }
}
