/// What became of a login.
package enum Login: Sendable {
    case principal(Principal)
    case missing
    case invalid(LoginFailure)
    /// Seconds until another try is worth it.
    case throttled(retryAfter: Int)
}

/// Labels of `berth_login_failures_total`. The client is not told which.
package enum LoginFailure: String, Sendable, CaseIterable {
    case missing
    case unknownUser = "unknown_user"
    case wrongPassword = "wrong_password"
    case malformed, throttled, busy
    /// A bearer token that is not one of ours, or has ended.
    case invalidToken = "invalid_token"

    /// Its place in `allCases`: what counters are indexed by.
    package var index: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}
