package import FoundationEssentials

/// The state of an upstream, as the admin listener shows it. Contains no secret.
package struct UpstreamStatus: Sendable, Encodable {
    /// As in the configuration.
    package var name: String
    /// The registry's host.
    package var registry: String
    /// Whether the upstream can be used.
    package var ready: Bool
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
    /// Why the upstream cannot be used, or why the last fetch of a token failed, and what to do about it; nil when all is well.
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
        case name, registry, ready, credentials, problem
        case credentialsExpire = "credentials_expire"
        case credentialsProblem = "credentials_problem"
        case tokenFetched = "token_fetched"
        case tokenRenews = "token_renews"
        case tokenExpires = "token_expires"
        case tokenState = "token_state"
    }

    /// Without a token, credentials or a problem; these are set afterwards.
    package init(name: String, registry: String, ready: Bool, tokenState: TokenState) {
        (self.name, self.registry, self.ready, self.tokenState) = (name, registry, ready, tokenState)
    }
}
