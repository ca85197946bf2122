/// The result of authenticating a request.
package enum Login: Sendable {
    case principal(Principal)
    /// No credentials were sent, and there is no anonymous user.
    case missing
    case invalid(LoginFailure)
    /// Too many logins failed; the seconds after which another one can succeed.
    case throttled(retryAfter: Int)
}
