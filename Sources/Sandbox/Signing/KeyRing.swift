import Crypto

/// All valid keys. Confined to the sandbox's loop.
final class KeyRing {
    private var keys: [String: SigningKeys] = [:]
    private var sessions: [String] = []
    /// Beyond it, the oldest role sessions are forgotten.
    private static let maxSessions = 10_000

    init(user: SigningKeys) { keys[user.accessKeyID] = user }

    subscript(_ accessKeyID: String) -> SigningKeys? { keys[accessKeyID] }

    func add(session: SigningKeys) {
        if sessions.count == Self.maxSessions { keys[sessions.removeFirst()] = nil }
        sessions.append(session.accessKeyID)
        keys[session.accessKeyID] = session
    }

    /// Ends every role session now.
    func expireSessions(at now: Int) {
        for id in sessions where keys[id]?.session?.expiration ?? 0 > now { keys[id]?.session?.expiration = now }
    }
}
