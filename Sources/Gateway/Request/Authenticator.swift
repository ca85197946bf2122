import Access
import HTTP
import Registry
import Transport

/// Tells who sends a request. A worker's own, over the logins that all workers share. Confined to its loop.
final class Authenticator {
    private let logins: Logins
    /// Credentials that this worker has seen proven: a connection's first request costs one HMAC and a look-up.
    private let verified = LoginCache()

    init(_ logins: Logins) { self.logins = logins }

    /// The principal of a request with the credentials of the connection's request before; nil: `login` tells.
    func principal(
        like last: LastRequest, _ field: ArraySlice<UInt8>?, in users: UserDirectory, now: ContinuousClock.Instant
    ) -> Principal? {
        guard let field else { return nil }
        return last.login.principal(of: field, generation: users.generation, now: now)
    }

    /// - Parameters:
    ///   - field: the value of `Authorization`; nil: the request has none.
    ///   - last: of the connection; remembers the credentials if they are right.
    func login(_ field: ArraySlice<UInt8>?, from client: SocketAddress, in users: UserDirectory, last: LastRequest) async -> Login {
        guard let field else { return Self.anonymous(in: users) }
        guard !field.isOversizedBearer else { return .invalid(.invalidToken) }
        let now = ContinuousClock.now
        if let entry = verified.lookup(field, generation: users.generation, now: now) {
            last.login.remember(field, of: entry)
            return .principal(entry.principal)
        }
        if field.isBearer { return login(withToken: field, in: users, last: last, now: now) }
        if field.count < Self.maxEmptyLogin, BasicCredentials(field: field)?.isEmpty == true { return Self.anonymous(in: users) }
        // Passwords are hashed on other threads: it takes tens of milliseconds.
        let login = await logins.verify(field, from: client, in: users)
        if case .principal(let principal) = login {
            last.login.remember(field, of: verified.insert(principal, for: field, generation: users.generation, now: now))
        }
        return login
    }

    private static func anonymous(in users: UserDirectory) -> Login { users.anonymous.map { .principal($0) } ?? .missing }

    private func login(
        withToken field: ArraySlice<UInt8>, in users: UserDirectory, last: LastRequest, now: ContinuousClock.Instant
    ) -> Login {
        let clock = TokenService.now
        guard let (principal, end) = users.login(withToken: field, now: clock) else { return .invalid(.invalidToken) }
        // Remembered no longer than the token is valid.
        let entry = verified.insert(
            principal, for: field, generation: users.generation, now: now, lifetime: .seconds(Double(end) - clock))
        last.login.remember(field, of: entry)
        return .principal(principal)
    }

    /// Bytes: `Basic Og==`, which skopeo sends when it has no login, and some blanks.
    private static let maxEmptyLogin = 16
}

extension LoginFailure {
    /// The response to a client whose login failed.
    /// - Parameter retryAfter: seconds, when it is `throttled`.
    func response(_ challenge: Challenge, retryAfter: Int? = nil) -> ErrorResponse {
        switch self {
        case .missing: .loginRequired(challenge)
        case .busy: ErrorResponse(.unavailable, "Too many logins are being checked; try again in a moment.", retryAfter: 1)
        case .invalidToken:
            ErrorResponse(
                .unauthorized, "The token has expired, or is not one of this gateway's; ask for another.", challenge: challenge)
        case .unknownUser, .wrongPassword, .malformed:
            ErrorResponse(.unauthorized, "The user name or the password is wrong.", challenge: challenge)
        case .throttled:
            ErrorResponse(
                .tooManyRequests, "Too many failed logins of this user, or of all users, from this address; try again later.",
                retryAfter: retryAfter)
        }
    }
}
