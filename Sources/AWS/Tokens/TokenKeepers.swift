/// The keepers of a process, one for each identity: upstreams with the same credentials in the same region share a token (wire 2.1).
public struct TokenKeepers: Sendable {
    /// What makes two upstreams one identity: where the token is fetched, and with whose credentials.
    public struct Identity: Hashable, Sendable {
        public var endpoint: ServiceEndpoint
        /// The registry, where it has a token of its own kind: ECR Public, which one common endpoint may serve beside ECR.
        public var publicRegistry: String?
        /// As the configuration says them.
        public var source: String
        public var profile: String?
        public var role: AssumedRole?

        public init(endpoint: ServiceEndpoint, publicRegistry: String?, source: String, profile: String?, role: AssumedRole?) {
            (self.endpoint, self.publicRegistry) = (endpoint, publicRegistry)
            (self.source, self.profile, self.role) = (source, profile, role)
        }
    }

    /// One identity's: its token, and the credentials that fetch it.
    public struct Keepers: Sendable {
        public let token: TokenKeeper
        public let credentials: CredentialKeeper

        public init(token: TokenKeeper, credentials: CredentialKeeper) { (self.token, self.credentials) = (token, credentials) }
    }

    private var keepers: [Identity: Keepers] = [:]

    public init() {}

    public var all: [Keepers] { Array(keepers.values) }

    public subscript(identity: Identity) -> Keepers? {
        get { keepers[identity] }
        set { keepers[identity] = newValue }
    }
}
