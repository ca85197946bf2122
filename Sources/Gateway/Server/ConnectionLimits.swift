import Configuration
import Synchronization
import Transport

/// Counts connections, in all and of each client network, over all workers. Called once for each connection.
final class ConnectionLimits: Sendable {
    private struct Counts {
        var total = 0
        var pendingRejections = 0
        var ofClient: [ClientNetwork: Int] = [:]
    }

    private let counts = Mutex(Counts())
    private let maxPendingRejections = Settings.Limits.maxPendingRejections(descriptors: Descriptors.limit)

    /// Counts a connection. false: it is one too many, and not counted.
    /// - Parameters:
    ///   - total: the bound of all connections.
    ///   - perClient: the bound of one client network's; nil for a trusted proxy, behind which there are many clients.
    func admit(_ client: SocketAddress, total: Int, perClient: Int?) -> Bool {
        let key = client.clientNetwork
        return counts.withLock { counts in
            guard counts.total < total, counts.ofClient[key, default: 0] < perClient ?? .max else { return false }
            counts.total += 1
            counts.ofClient[key, default: 0] += 1
            return true
        }
    }

    /// Counts a rejection with a response. false: too many are being sent already. To be followed by `endRejection`.
    func beginRejection() -> Bool {
        counts.withLock { counts in
            guard counts.pendingRejections < maxPendingRejections else { return false }
            counts.pendingRejections += 1
            return true
        }
    }

    func endRejection() { counts.withLock { $0.pendingRejections -= 1 } }

    func leave(_ client: SocketAddress) {
        let key = client.clientNetwork
        counts.withLock { counts in
            counts.total -= 1
            let left = counts.ofClient[key, default: 1] - 1
            counts.ofClient[key] = left > 0 ? left : nil
        }
    }
}
