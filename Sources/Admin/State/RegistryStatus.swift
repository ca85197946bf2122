package import FoundationEssentials

/// The state of a fallback of an upstream, as the admin listener shows it.
package struct RegistryStatus: Sendable, Encodable {
    /// Its host.
    package var registry: String
    /// Whether it can serve.
    package var ready: Bool
    /// Whether reads go there.
    package var breaker: Breaker
    /// The life of its token in one word.
    package var tokenState: UpstreamStatus.TokenState
    /// When its token expires; nil without one.
    package var tokenExpires: Date?
    /// Why it cannot serve, or why the last fetch of a token failed; nil when all is well.
    package var problem: String?

    /// Whether a registry is used: no longer (`open`) after failures; after a pause the next request tries it (`half_open`).
    package enum Breaker: String, Sendable, Encodable, CaseIterable {
        case closed, open
        case halfOpen = "half_open"
    }

    enum CodingKeys: String, CodingKey {
        case registry, ready, breaker, problem
        case tokenState = "token_state"
        case tokenExpires = "token_expires"
    }

    /// Without a token or a problem; these are set afterwards.
    package init(registry: String, ready: Bool, breaker: Breaker, tokenState: UpstreamStatus.TokenState) {
        (self.registry, self.ready, self.breaker, self.tokenState) = (registry, ready, breaker, tokenState)
    }
}
