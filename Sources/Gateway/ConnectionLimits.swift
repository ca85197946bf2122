import Synchronization
import Transport

/// How many connections there are, in all and of each client, over all workers: asked once a connection.
final class ConnectionLimits: Sendable {
    private struct Counts {
        var total = 0
        var ofClient: [ClientNetwork: Int] = [:]
    }

    private let counts = Mutex(Counts())

    /// false: it would be one too many, and is not counted.
    /// - Parameter perClient: nil for a trusted proxy, behind which many clients are.
    func admit(_ client: SocketAddress, total: Int, perClient: Int?) -> Bool {
        let key = client.clientNetwork
        return counts.withLock { counts in
            guard counts.total < total, counts.ofClient[key, default: 0] < perClient ?? .max else { return false }
            counts.total += 1
            counts.ofClient[key, default: 0] += 1
            return true
        }
    }

    func leave(_ client: SocketAddress) {
        let key = client.clientNetwork
        counts.withLock { counts in
            counts.total -= 1
            let left = counts.ofClient[key, default: 1] - 1
            counts.ofClient[key] = left > 0 ? left : nil
        }
    }
}
