package import Crypto
package import FoundationEssentials

/// The token in a response of GetAuthorizationToken.
package struct FetchedToken: Sendable {
    /// What follows the scheme in `Authorization`: base64 of `AWS:password`, or a bearer token.
    package var authorizationToken: Secret<String>
    /// By this machine's clock. Only a hint; nil when the response had none.
    package var expiresAt: Date?
    /// The scheme in `Authorization`.
    package var scheme = Scheme.basic

    /// The raw value is what requests carry.
    package enum Scheme: String, Sendable { case basic = "Basic", bearer = "Bearer" }

    /// - Parameter authorizationToken: what follows the scheme.
    package init(authorizationToken: Secret<String>, expiresAt: Date?, scheme: Scheme = .basic) {
        (self.authorizationToken, self.expiresAt, self.scheme) = (authorizationToken, expiresAt, scheme)
    }

    /// The whole value of `Authorization`. A secret: never log it.
    package var fieldValue: String { "\(scheme.rawValue) \(authorizationToken.reveal)" }

    /// Known tokens have 2 to 4 thousand bytes (ECR 2.1). A token must fit in a request head.
    private static let maxBytes = 16 << 10
    /// Whether the token is visible ASCII of a bounded length, and so fits in a field.
    static func isUsable(_ token: String) -> Bool {
        !token.isEmpty && token.utf8.count <= maxBytes && token.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
    }
}
