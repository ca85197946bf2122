package import Crypto

/// What proves a user.
package enum Credential: Sendable, Equatable {
    case hash(PasswordHash)
    /// From a file or the environment: compared, not hashed.
    case plain(Secret<[UInt8]>)
}

/// Everybody the gateway knows. A reload makes a new one; its generation tells caches that what they hold is of the old.
package struct UserDirectory: Sendable {
    /// Of a user's name; the configuration takes no longer one.
    package static let maxNameBytes = 256

    package let generation: Int
    /// Who comes without credentials; nil: nobody may.
    package let anonymous: Principal?
    /// What the password of somebody unknown is hashed against, so that the response takes as long as for a known name: the dearest
    /// hash there is. nil: nobody's password is hashed, and no name takes longer than another.
    let decoy: PasswordHash?
    /// What bearer tokens are signed with.
    let tokenKey: Secret<[UInt8]>
    private let users: [[UInt8]: (credential: Credential, principal: Principal)]

    /// - Parameter tokenKey: of 32 bytes at least.
    package init(
        generation: Int, users: [(credential: Credential, principal: Principal)], anonymous: Principal?,
        tokenKey: Secret<[UInt8]> = Secret(randomBytes(32))
    ) {
        (self.generation, self.anonymous, self.tokenKey) = (generation, anonymous, tokenKey)
        decoy = users.lazy.compactMap { if case .hash(let hash) = $0.credential { hash } else { nil } }.max { $0.cost < $1.cost }
        // The configuration has refused doubles; were there one, the first would count.
        self.users = Dictionary(users.map { (Array($0.principal.name.utf8), $0) }, uniquingKeysWith: { first, _ in first })
    }

    func user(_ name: [UInt8]) -> (credential: Credential, principal: Principal)? { users[name] }
}
