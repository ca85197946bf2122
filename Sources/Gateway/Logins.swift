import Access
import Synchronization
import Transport

/// Logins that no worker knows yet, for all workers: bounded by address before anything is hashed.
public final class Logins: Sendable {
    private let verifier = PasswordVerifier()
    private let throttle: Mutex<LoginThrottle>

    /// - Parameter failuresPerMinute: of one client address.
    public init(failuresPerMinute: Int) { throttle = Mutex(LoginThrottle(failuresPerMinute: failuresPerMinute)) }

    func verify(_ field: ArraySlice<UInt8>, from client: SocketAddress, in users: UserDirectory) async -> Login {
        let address = Array(client.addressBytes)
        if let seconds = throttle.withLock({ $0.retryAfter(address, now: .now) }) { return .throttled(retryAfter: seconds) }
        let login: Login
        if let credentials = BasicCredentials(field: field) {
            login = await verifier.verify(credentials, in: users)
        } else {
            login = .invalid(.malformed)
        }
        if case .invalid(let failure) = login, failure != .busy { throttle.withLock { $0.failed(address, now: .now) } }
        return login
    }
}
