import Crypto

/// Somebody AWS would know.
struct Caller {
    /// `arn:aws:iam::123456789012:user/sandbox` or an assumed role's.
    var arn: String
    var userID: String
}

/// What signs requests: a user's keys, or a role session's with their token and end.
struct SigningKeys {
    var accessKeyID: String
    var secret: Secret<String>
    /// Token and end (seconds since 1970) of a role session.
    var session: (token: Secret<String>, expiration: Int)?
    var caller: Caller

    /// Made up, in the shape of AWS's own: a letter code and 16 letters and digits; 40 characters of secret.
    static func make(sessionUntil expiration: Int?, caller: Caller) -> SigningKeys {
        SigningKeys(
            accessKeyID: (expiration == nil ? "AKIA" : "ASIA") + randomText(16, from: "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"),
            secret: Secret(randomText(40)), session: expiration.map { (Secret("IQoJ" + randomText(396) + "=="), $0) },
            caller: caller)
    }

    static func randomText(_ count: Int, from alphabet: String = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
        -> String
    {
        let letters = Array(alphabet.utf8)
        return String(decoding: randomBytes(count).map { letters[Int($0) % letters.count] }, as: UTF8.self)
    }
}

/// All keys that sign. Confined to the sandbox's loop.
final class KeyRing {
    private var keys: [String: SigningKeys] = [:]
    private var sessions: [String] = []
    /// Role sessions kept at once; the oldest are forgotten, as if they had never been.
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
