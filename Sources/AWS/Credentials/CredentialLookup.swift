/// What a source has found.
package enum CredentialLookup: Sendable {
    /// Credentials, which may have expired.
    case found(Credentials)
    /// This source is not set up. The text says why: `AWS_ACCESS_KEY_ID is not set`.
    case absent(String)
}
