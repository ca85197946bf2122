package import FoundationEssentials

/// ECR's token as workers put it on requests. No description or dump of it shows the token.
package struct AuthorizationToken: Sendable, CustomStringConvertible, CustomReflectable {
    /// From 1, one more with each token of a keeper.
    package let generation: Int
    /// The whole value of `Authorization`: `Basic <authorizationToken>`, `Bearer <token>`.
    package let fieldValue: [UInt8]
    package let fetchedAt: Date
    /// ECR's word, or a guess where that cannot be (`TokenLife`). A hint: what ECR answers is the truth.
    package let expiresAt: Date

    init(generation: Int, fetched: FetchedToken, life: TokenLife) {
        self.generation = generation
        fieldValue = Array(fetched.fieldValue.utf8)
        fetchedAt = life.fetchedAt
        expiresAt = life.expiresAt
    }

    package var description: String { "token \(generation), until \(expiresAt)" }
    package var customMirror: Mirror { Mirror(self, children: ["generation": generation, "expiresAt": expiresAt]) }
}

/// From when to when a token serves, as far as can be known at its fetch.
struct TokenLife: Equatable, Sendable {
    /// Seconds: 12 h, fixed (ECR 2.1). A longer one is somebody's clock.
    static let longest: TimeInterval = 12 * 3600

    let fetchedAt: Date
    let expiresAt: Date
    /// ECR said nothing, or a time that was past already, as moto does with its date in 2015: the token serves until refused.
    let isGuessed: Bool

    init(fetchedAt: Date, reported: Date?) {
        self.fetchedAt = fetchedAt
        let longest = fetchedAt.addingTimeInterval(Self.longest)
        if let reported, reported > fetchedAt {
            expiresAt = min(reported, longest)
            isGuessed = false
        } else {
            expiresAt = longest
            isGuessed = true
        }
    }
}
