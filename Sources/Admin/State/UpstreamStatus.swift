package import FoundationEssentials

/// The state of an upstream, as the admin listener shows it. Contains no secret.
package struct UpstreamStatus: Sendable, Encodable {
    /// As in the configuration.
    package var name: String
    /// The registry's host.
    package var registry: String
    /// Whether the upstream can be used: the registry or a fallback can serve.
    package var ready: Bool
    /// Whether the registry itself can serve: otherwise reads go to a fallback, and writes fail.
    package var registryReady: Bool
    /// Whether reads go to the registry.
    package var breaker = RegistryStatus.Breaker.closed
    /// In the order in which reads try them.
    package var fallbacks: [RegistryStatus] = []
    /// The origin of the AWS credentials; nil before the first were found.
    package var credentials: String?
    /// When these credentials expire; nil: never, or there are none.
    package var credentialsExpire: Date?
    /// Why the last search for credentials failed; nil: it did not.
    package var credentialsProblem: String?
    /// When the token in use was fetched; nil without one.
    package var tokenFetched: Date?
    /// When the next fetch of a token is due.
    package var tokenRenews: Date?
    /// When the token in use expires; nil without one.
    package var tokenExpires: Date?
    /// The life of the token in one word.
    package var tokenState: TokenState
    /// Why the registry cannot be used, or why the last fetch of a token failed, and what to do about it; nil when all is well.
    package var problem: String?

    /// The life of an authorization token.
    package enum TokenState: String, Sendable, Encodable, CaseIterable {
        /// `late`: still valid, but its renewal failed.
        case none, valid, late, expired

        /// - Parameter isRenewalFailing: the last fetch failed.
        package init(expires: Date?, isRenewalFailing: Bool, now: Date) {
            guard let expires else {
                self = .none
                return
            }
            self = expires <= now ? .expired : isRenewalFailing ? .late : .valid
        }
    }

    enum CodingKeys: String, CodingKey {
        case name, registry, ready, breaker, fallbacks, credentials, problem
        case registryReady = "registry_ready"
        case credentialsExpire = "credentials_expire"
        case credentialsProblem = "credentials_problem"
        case tokenFetched = "token_fetched"
        case tokenRenews = "token_renews"
        case tokenExpires = "token_expires"
        case tokenState = "token_state"
    }

    /// Without fallbacks, a token, credentials or a problem; these are set afterwards.
    package init(name: String, registry: String, ready: Bool, tokenState: TokenState) {
        (self.name, self.registry, self.ready, self.tokenState) = (name, registry, ready, tokenState)
        registryReady = ready
    }

    /// A line for each registry that cannot serve, with the reason.
    var problems: [String] {
        let own = registryReady ? [] : [fallbacks.isEmpty ? problem ?? "cannot serve" : "\(registry): \(problem ?? "cannot serve")"]
        return (own + fallbacks.filter { !$0.ready }.map { "\($0.registry): \($0.problem ?? "cannot serve")" }).map {
            "\(name): \($0)\n"
        }
    }
}
