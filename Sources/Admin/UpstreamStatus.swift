/// The state of an upstream, as the admin listener shows it. Contains no secret.
package struct UpstreamStatus: Sendable, Codable {
    /// As in the configuration.
    package var name: String
    /// The registry's host.
    package var registry: String
    /// Whether the upstream can be used.
    package var ready: Bool
    /// The origin of the AWS credentials; nil before the first fetch.
    package var credentials: String?
    /// In RFC 3339 format; nil without a token.
    package var tokenExpires: String?
    /// Why the upstream cannot be used, or why the last fetch of a token failed, and what to do about it; nil when all is well.
    package var problem: String?

    enum CodingKeys: String, CodingKey {
        case name, registry, ready, credentials
        case tokenExpires = "token_expires"
        case problem
    }

    /// - Parameter tokenExpires: in RFC 3339 format.
    package init(name: String, registry: String, ready: Bool, credentials: String?, tokenExpires: String?, problem: String?) {
        (self.name, self.registry, self.ready) = (name, registry, ready)
        (self.credentials, self.tokenExpires, self.problem) = (credentials, tokenExpires, problem)
    }
}
