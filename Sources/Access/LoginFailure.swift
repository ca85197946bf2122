/// Why a login failed. The raw values are labels of `berth_login_failures_total`; the client is not told which one it was.
package enum LoginFailure: String, Sendable, CaseIterable {
    case missing
    case unknownUser = "unknown_user"
    case wrongPassword = "wrong_password"
    /// `busy`: too many passwords wait to be hashed.
    case malformed, throttled, busy
    /// A bearer token that is not one of this gateway's, or has expired.
    case invalidToken = "invalid_token"

    /// The position in `allCases`, by which counters are indexed.
    package var index: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}
