package import FoundationEssentials

/// ECR's token, ready for the `Authorization` field of requests. Neither its description nor a dump shows the token.
package final class AuthorizationToken: Sendable, CustomStringConvertible, CustomReflectable {
    /// 1 for a keeper's first token, one more for each later one.
    package let generation: Int
    /// The whole value of `Authorization`: `Basic <authorizationToken>`, `Bearer <token>`.
    package let fieldValue: [UInt8]
    /// By this machine's clock.
    package let fetchedAt: Date
    /// As ECR says, or assumed where that cannot be right (`TokenLife`). Only a hint: ECR's responses decide whether the token is valid.
    package let expiresAt: Date

    init(generation: Int, fetched: FetchedToken, life: TokenLife) {
        self.generation = generation
        fieldValue = Array(fetched.fieldValue.utf8)
        fetchedAt = life.fetchedAt
        expiresAt = life.expiresAt
    }

    /// Whether the token has so many seconds left, or another one could not have them either.
    package func lasts(_ seconds: TimeInterval, at now: Date) -> Bool {
        expiresAt.timeIntervalSince(now) >= seconds || expiresAt.timeIntervalSince(fetchedAt) < seconds * 2
    }

    /// The generation and the expiry.
    package var description: String { "token \(generation), until \(expiresAt)" }
    /// The generation and the expiry, for dumps.
    package var customMirror: Mirror { Mirror(self, children: ["generation": generation, "expiresAt": expiresAt]) }
}
