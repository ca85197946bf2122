package import Crypto

/// All users. A reload makes a new directory with a new generation, which tells caches that their entries belong to the old one.
package struct UserDirectory: Sendable {
    /// Of a user's name.
    package static let maxNameBytes = 256
    /// How long a bearer token is valid, in seconds: enough for a client to pull an image's manifests before it asks for another. What its
    /// user may do is looked up at each use.
    package static let tokenLifetime = 300

    /// Grows with each reload that changes users.
    package let generation: Int
    /// The user of requests without credentials; nil: all requests need credentials.
    package let anonymous: Principal?
    /// An unknown user's password is hashed against this one, the most expensive hash of all users, so that the time to the response does
    /// not tell which users exist. nil: no user has a hash.
    let decoy: PasswordHash?
    /// The key that signs bearer tokens.
    private let tokenKey: Secret<[UInt8]>
    private let users: [[UInt8]: (credential: Credential, principal: Principal)]

    /// - Parameters:
    ///   - users: with different names; of two with one name the first counts.
    ///   - tokenKey: 32 bytes or more.
    package init(
        generation: Int, users: [(credential: Credential, principal: Principal)], anonymous: Principal?,
        tokenKey: Secret<[UInt8]> = Secret(randomBytes(32))
    ) {
        (self.generation, self.anonymous, self.tokenKey) = (generation, anonymous, tokenKey)
        decoy = users.lazy.compactMap { if case .hash(let hash) = $0.credential { hash } else { nil } }.max { $0.cost < $1.cost }
        self.users = Dictionary(users.map { (Array($0.principal.name.utf8), $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// nil: there is no user of this name.
    package func principal(named name: String) -> Principal? { user(Array(name.utf8))?.principal }

    func user(_ name: [UInt8]) -> (credential: Credential, principal: Principal)? { users[name] }

    /// A bearer token for this user, without its scheme.
    /// - Parameter now: seconds since 1970.
    package func token(for principal: Principal, now: Double) -> [UInt8] {
        let end = Int(now.rounded(.up)) + Self.tokenLifetime
        if principal === anonymous { return BearerToken.make(name: [], end: end, for: nil, by: tokenKey) }
        let name = Array(principal.name.utf8)
        return BearerToken.make(name: name, end: end, for: user(name)?.credential, by: tokenKey)
    }

    /// The user of a bearer token, and when the token expires, in seconds since 1970. nil: the token is not one of this gateway's, or has
    /// expired; its user is gone or has another password; or there is no anonymous user: then no tokens are issued, and none are accepted.
    /// - Parameters:
    ///   - field: the value of `Authorization`.
    ///   - now: seconds since 1970.
    package func login(withToken field: ArraySlice<UInt8>, now: Double) -> (principal: Principal, end: Int)? {
        guard let anonymous, let token = BearerToken(field: field), Double(token.end) > now else { return nil }
        guard !token.name.isEmpty else {
            return token.isSigned(for: nil, by: tokenKey) ? (anonymous, token.end) : nil
        }
        guard let user = user(token.name), token.isSigned(for: user.credential, by: tokenKey) else { return nil }
        return (user.principal, token.end)
    }
}
