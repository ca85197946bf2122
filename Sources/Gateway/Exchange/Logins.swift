import Access
import Crypto
import Synchronization
import Transport

/// Logins that no worker knows yet, for all workers: bounded by address before anything is hashed.
public final class Logins: Sendable {
    private let verifier = PasswordVerifier()
    private let throttle: Mutex<LoginThrottle>
    private let secret = randomBytes(32)

    /// - Parameter failuresPerMinute: of one client address.
    public init(failuresPerMinute: Int) { throttle = Mutex(LoginThrottle(failuresPerMinute: failuresPerMinute)) }

    func verify(_ field: ArraySlice<UInt8>, from client: SocketAddress, in users: UserDirectory) async -> Login {
        let address = LoginThrottle.key(of: client.addressBytes)
        // Which credentials these are, without keeping them.
        let tag = HMAC.sha256(key: secret, Array(field))
        if let seconds = throttle.withLock({ $0.begin(address, tag: tag, now: .now) }) { return .throttled(retryAfter: seconds) }
        let login: Login
        if let credentials = BasicCredentials(field: field) {
            login = await verifier.verify(credentials, in: users)
        } else {
            login = .invalid(.malformed)
        }
        let outcome: LoginThrottle.Outcome =
            switch login {
            case .principal: .right
            case .invalid(let failure) where failure != .busy: .wrong
            default: .unchecked
            }
        throttle.withLock { $0.end(address, tag: tag, outcome, now: .now) }
        return login
    }
}
