import Access
import Crypto
import Synchronization
import Transport

/// Verifies logins that a worker has not seen yet, for all workers. Credentials that were verified before pass; all others are counted and
/// bounded before anything is hashed.
final class Logins: Sendable {
    private struct Known {
        var proven = ProvenLogins()
        var throttle: LoginThrottle
    }

    private let verifier = PasswordVerifier()
    private let known: Mutex<Known>
    private let secret = randomBytes(32)

    /// - Parameter failuresPerMinute: for one user from one client network.
    init(failuresPerMinute: Int) {
        known = Mutex(Known(throttle: LoginThrottle(failuresPerMinute: failuresPerMinute)))
    }

    /// From now on.
    func limit(failuresPerMinute: Int) { known.withLock { $0.throttle.failuresPerMinute = failuresPerMinute } }

    func verify(_ field: ArraySlice<UInt8>, from client: SocketAddress, in users: UserDirectory) async -> Login {
        guard let credentials = BasicCredentials(field: field) else { return .invalid(.malformed) }
        guard credentials.user.count <= UserDirectory.maxNameBytes else { return .invalid(.unknownUser) }
        // Identifies the credentials without keeping them. It is made of what was decoded, so that blanks and padding do not matter.
        let tag = HMAC.sha256(
            key: secret, Array("\(credentials.user.count) ".utf8) + credentials.user + credentials.password.reveal)
        if let principal = known.withLock({ $0.proven.principal(of: tag, in: users) }) { return .principal(principal) }
        let network = client.clientNetwork
        let permission = known.withLock {
            $0.throttle.begin(network, user: credentials.user, tag: tag, generation: users.generation, now: .now)
        }
        switch permission {
        case .check: break
        case .knownWrong(let reason): return .invalid(reason)
        case .wait(let seconds): return .throttled(retryAfter: seconds)
        }
        let login = await verifier.verify(credentials, from: network, in: users)
        let outcome: LoginThrottle.Outcome =
            switch login {
            case .principal: .right
            case .invalid(let failure) where failure != .busy: .wrong(failure)
            default: .unchecked
            }
        known.withLock { known in
            known.throttle.end(network, tag: tag, outcome, generation: users.generation, now: .now)
            if case .right = outcome { known.proven.insert(tag, user: credentials.user, in: users) }
        }
        return login
    }
}
