import Crypto
package import Transport

/// Verifies passwords outside the event loops. Hashing takes tens of milliseconds by design, so only a few hashes run at once, and
/// credentials that many connections send at the same time are hashed once.
package actor PasswordVerifier {
    private var underWay: [[UInt8]: Task<Bool, Never>] = [:]
    private var hashing = 0
    /// Logins that wait, by client, and the clients in the order of their turns: a client with many logins delays only itself.
    private var waiting: [ClientNetwork: [CheckedContinuation<Void, Never>]] = [:]
    private var turns: [ClientNetwork] = []
    private var queued: [ClientNetwork: Int] = [:]
    private let secret = randomBytes(32)
    private let hash: @Sendable (PasswordHash, [UInt8]) -> Bool

    /// Few, since the data plane needs the cores.
    private static let maxHashesAtOnce = 2
    /// Credentials waiting to be hashed; beyond this a login fails with `busy`.
    private static let maxWaiting = 256
    /// Of one client, so that one client cannot fill the queue.
    private static let maxWaitingPerClient = 8

    package init() { hash = { $0.verify($1) } }
    init(hash: @escaping @Sendable (PasswordHash, [UInt8]) -> Bool) { self.hash = hash }

    /// - Returns: `principal` or `invalid`.
    package func verify(_ credentials: BasicCredentials, from client: ClientNetwork, in users: UserDirectory) async -> Login {
        let user = users.user(credentials.user)
        let isRight: Bool
        if case .hash(let stored) = user?.credential {
            guard let result = await hashed(stored, credentials, client, users.generation) else { return .invalid(.busy) }
            isRight = result
            // The shorter time of a cheaper hash would tell that this user exists.
            if !isRight, let decoy = users.decoy, stored.cost < decoy.cost / 2,
                await hashed(decoy, credentials, client, users.generation) == nil
            {
                return .invalid(.busy)
            }
        } else {
            // There is nothing to hash, but the shorter time would tell whether this user exists.
            if let decoy = users.decoy, await hashed(decoy, credentials, client, users.generation) == nil { return .invalid(.busy) }
            guard let user, case .plain(let password) = user.credential else { return .invalid(.unknownUser) }
            isRight = constantTimeEqual(
                HMAC.sha256(key: secret, password.reveal), HMAC.sha256(key: secret, credentials.password.reveal))
        }
        guard let user, isRight else { return .invalid(.wrongPassword) }
        return .principal(user.principal)
    }

    /// Whether the password matches; nil: too many logins wait.
    private func hashed(
        _ stored: PasswordHash, _ credentials: BasicCredentials, _ client: ClientNetwork, _ generation: Int
    ) async -> Bool? {
        // The length before the user name keeps two different credentials from having the same key.
        let key = HMAC.sha256(
            key: secret,
            Array("\(generation) \(stored.cost) \(credentials.user.count) ".utf8) + credentials.user + credentials.password.reveal)
        if let task = underWay[key] { return await task.value }
        guard underWay.count < Self.maxWaiting, queued[client, default: 0] < Self.maxWaitingPerClient else { return nil }
        queued[client, default: 0] += 1
        let task = Task { [hash] in
            await takeTurn(client)
            let result = await HashingThread.run { hash(stored, credentials.password.reveal) }
            endTurn()
            return result
        }
        underWay[key] = task
        let result = await task.value
        underWay[key] = nil
        let left = queued[client, default: 1] - 1
        queued[client] = left > 0 ? left : nil
        return result
    }

    private func takeTurn(_ client: ClientNetwork) async {
        guard hashing >= Self.maxHashesAtOnce else { return hashing += 1 }
        // `endTurn` passes the turn on.
        await withCheckedContinuation { continuation in
            if waiting[client] == nil { turns.append(client) }
            waiting[client, default: []].append(continuation)
        }
    }

    private func endTurn() {
        guard !turns.isEmpty else { return hashing -= 1 }
        let client = turns.removeFirst()
        let next = waiting[client]?.removeFirst()
        if waiting[client]?.isEmpty == false { turns.append(client) } else { waiting[client] = nil }
        next?.resume()
    }
}
