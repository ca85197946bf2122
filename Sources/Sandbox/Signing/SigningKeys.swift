import Crypto

/// Keys that sign requests: a user's, or a role session's with their token and expiry.
struct SigningKeys {
    var accessKeyID: String
    var secret: Secret<String>
    /// Token and expiry (seconds since 1970) of a role session; nil for a user's keys.
    var session: (token: Secret<String>, expiration: Int)?
    var caller: Caller

    /// Random keys in AWS's format: a four-letter prefix with 16 letters and digits, and 40 characters of secret.
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
