import Crypto

/// Verifies passwords off the loops. Hashing takes tens of milliseconds by design, so it is bounded in number, and however many
/// connections bring the same credentials at once, they are hashed once.
public actor PasswordVerifier {
    private var underWay: [[UInt8]: Task<Bool, Never>] = [:]
    private var hashing = 0
    private var waiting: [CheckedContinuation<Void, Never>] = []
    private let secret = randomBytes(32)
    private let hash: @Sendable (PasswordHash, [UInt8]) -> Bool

    /// Hashes at a time: the data plane needs the cores more.
    private static let hashesAtOnce = 2
    /// Credentials waiting to be hashed; more are told to come again.
    private static let waitingAtMost = 256
    /// What an unknown user's password is checked against, so that its answer takes as long as a wrong password's. Cost 12, the
    /// hash of a random password that nobody knows.
    private static let nobody = PasswordHash.make(password: Array(Hexadecimal.string(of: randomBytes(16)).utf8)).flatMap {
        PasswordHash($0)
    }

    public init() { hash = { $0.verify($1) } }
    init(hash: @escaping @Sendable (PasswordHash, [UInt8]) -> Bool) { self.hash = hash }

    public func verify(_ credentials: BasicCredentials, in users: UserDirectory) async -> Login {
        let user = users.user(credentials.user)
        let isRight: Bool
        switch user?.credential {
        case .plain(let password):
            isRight = constantTimeEqual(
                HMAC.sha256(key: secret, password.reveal), HMAC.sha256(key: secret, credentials.password.reveal))
        case .hash(let stored):
            guard let result = await hashed(stored, credentials, users.generation) else { return .invalid(.busy) }
            isRight = result
        case nil:
            guard let nobody = Self.nobody else { return .invalid(.unknownUser) }
            guard await hashed(nobody, credentials, users.generation) != nil else { return .invalid(.busy) }
            isRight = false
        }
        guard let user else { return .invalid(.unknownUser) }
        return isRight ? .principal(user.principal) : .invalid(.wrongPassword)
    }

    /// nil: too many wait.
    private func hashed(_ stored: PasswordHash, _ credentials: BasicCredentials, _ generation: Int) async -> Bool? {
        // A length before each part, so that no two credentials share a key.
        let key = HMAC.sha256(
            key: secret, Array("\(generation) \(credentials.user.count) ".utf8) + credentials.user + credentials.password.reveal)
        if let task = underWay[key] { return await task.value }
        guard underWay.count < Self.waitingAtMost else { return nil }
        let task = Task { [hash] in
            await takeTurn()
            let result = await Self.offActor { hash(stored, credentials.password.reveal) }
            endTurn()
            return result
        }
        underWay[key] = task
        let result = await task.value
        underWay[key] = nil
        return result
    }

    @concurrent private static func offActor(_ work: @Sendable () -> Bool) async -> Bool { work() }

    private func takeTurn() async {
        if hashing < Self.hashesAtOnce {
            hashing += 1
        } else {
            await withCheckedContinuation { waiting.append($0) }  // whoever ends hands its turn over
        }
    }

    private func endTurn() {
        if waiting.isEmpty { hashing -= 1 } else { waiting.removeFirst().resume() }
    }
}
