/// What the admin listener shows and does, as closures: it knows nothing of how the gateway does it.
package struct AdminSources: Sendable {
    package var version: String
    /// The gateway takes no new exchanges: it is on its way out.
    package var isDraining: @Sendable () async -> Bool
    /// Those of the configuration in use, as they are now.
    package var upstreams: @Sendable () async -> [UpstreamStatus]
    /// Prometheus text, format 0.0.4.
    package var metrics: @Sendable () async -> [UInt8]
    /// Fetches a new token. nil: there is no upstream of this name; otherwise whether the fetch succeeded.
    package var refresh: @Sendable (_ upstream: String) async -> Bool?
    /// Reads the configuration again. Empty: done; otherwise every problem found, and nothing has changed.
    package var reload: @Sendable () async -> [String]

    package init(
        version: String, isDraining: @escaping @Sendable () async -> Bool,
        upstreams: @escaping @Sendable () async -> [UpstreamStatus],
        metrics: @escaping @Sendable () async -> [UInt8],
        refresh: @escaping @Sendable (_ upstream: String) async -> Bool?, reload: @escaping @Sendable () async -> [String]
    ) {
        self.isDraining = isDraining
        (self.version, self.upstreams, self.metrics, self.refresh, self.reload) = (version, upstreams, metrics, refresh, reload)
    }
}

/// An upstream as the admin listener shows it. The token is not in it.
package struct UpstreamStatus: Sendable, Codable {
    package var name: String
    package var registry: String
    /// It can serve.
    package var ready: Bool
    /// Where the AWS credentials came from; nil before the first fetch.
    package var credentials: String?
    /// RFC 3339; nil without a token.
    package var tokenExpires: String?
    /// Why it cannot serve; where it can, why the last fetch of a token failed. With what to do. nil: nothing is wrong.
    package var problem: String?

    enum CodingKeys: String, CodingKey {
        case name, registry, ready, credentials
        case tokenExpires = "token_expires"
        case problem
    }

    package init(name: String, registry: String, ready: Bool, credentials: String?, tokenExpires: String?, problem: String?) {
        (self.name, self.registry, self.ready) = (name, registry, ready)
        (self.credentials, self.tokenExpires, self.problem) = (credentials, tokenExpires, problem)
    }
}
