package import Configuration

/// The process's keepers, one for each identity: upstreams with the same credentials in the same region share a token (ECR 2.1).
package struct TokenKeepers: Sendable {
    /// Where a token is fetched and with which credentials. Upstreams with equal identities share a token.
    package struct Identity: Hashable, Sendable {
        /// Where the token is fetched.
        package var endpoint: ServiceEndpoint
        /// The registry's host for ECR Public, whose tokens are of another kind; nil for ECR. A custom endpoint may serve both.
        package var publicRegistry: String?
        /// The credential source, as configured.
        package var source: Settings.Credentials.Source
        /// The configuration's profile; nil leaves the choice to the environment.
        package var profile: String?
        /// The role that is assumed with those credentials; nil: none.
        package var role: AssumedRole?

        /// Equal values make upstreams share a token.
        package init(
            endpoint: ServiceEndpoint, publicRegistry: String?, source: Settings.Credentials.Source, profile: String?,
            role: AssumedRole?
        ) {
            (self.endpoint, self.publicRegistry) = (endpoint, publicRegistry)
            (self.source, self.profile, self.role) = (source, profile, role)
        }
    }

    /// The keepers of one identity.
    package struct Keepers: Sendable {
        /// Keeps the token.
        package let token: TokenKeeper
        /// Keeps the credentials that fetch the token.
        package let credentials: CredentialKeeper

        /// Both must be of the same identity.
        package init(token: TokenKeeper, credentials: CredentialKeeper) { (self.token, self.credentials) = (token, credentials) }
    }

    private var keepers: [Identity: Keepers] = [:]

    /// Empty; the configuration's upstreams add theirs.
    package init() {}

    /// The keepers of all identities, in no order.
    package var all: [Keepers] { Array(keepers.values) }

    /// nil where no upstream has this identity.
    package subscript(identity: Identity) -> Keepers? {
        get { keepers[identity] }
        set { keepers[identity] = newValue }
    }
}
