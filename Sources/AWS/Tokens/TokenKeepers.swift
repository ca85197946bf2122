/// The keepers of a process, one for each identity: upstreams with the same credentials in the same region share a token (ECR 2.1).
package struct TokenKeepers: Sendable {
    /// What makes two upstreams one identity: where the token is fetched, and with whose credentials.
    package struct Identity: Hashable, Sendable {
        package var endpoint: ServiceEndpoint
        /// The registry, where it has a token of its own kind: ECR Public, which one common endpoint may serve beside ECR.
        package var publicRegistry: String?
        /// As the configuration says them.
        package var source: String
        package var profile: String?
        package var role: AssumedRole?

        package init(endpoint: ServiceEndpoint, publicRegistry: String?, source: String, profile: String?, role: AssumedRole?) {
            (self.endpoint, self.publicRegistry) = (endpoint, publicRegistry)
            (self.source, self.profile, self.role) = (source, profile, role)
        }
    }

    /// One identity's: its token, and the credentials that fetch it.
    package struct Keepers: Sendable {
        package let token: TokenKeeper
        package let credentials: CredentialKeeper

        package init(token: TokenKeeper, credentials: CredentialKeeper) { (self.token, self.credentials) = (token, credentials) }
    }

    private var keepers: [Identity: Keepers] = [:]

    package init() {}

    package var all: [Keepers] { Array(keepers.values) }

    package subscript(identity: Identity) -> Keepers? {
        get { keepers[identity] }
        set { keepers[identity] = newValue }
    }
}
