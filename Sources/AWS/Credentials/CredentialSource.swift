/// A place that credentials may come from. Each kind of place is one conforming type.
package protocol CredentialSource: Sendable {
    /// As in the configuration's `credentials.source`: `environment`, `profile`, `instance`.
    var name: String { get }

    /// Looks for credentials. After `absent` the search goes on with the next source.
    /// - Throws: when this source is set up but does not work, which ends the search.
    func find() async throws(CredentialError) -> CredentialLookup

    /// Like `find()`. Also returns the sources that were skipped before, each with the reason.
    func search() async throws(CredentialError) -> (CredentialLookup, skipped: [String])
}

extension CredentialSource {
    /// Skips nothing.
    package func search() async throws(CredentialError) -> (CredentialLookup, skipped: [String]) { (try await find(), []) }
}
