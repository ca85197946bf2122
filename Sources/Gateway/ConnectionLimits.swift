import Configuration
import Synchronization
import Transport

extension Settings.Limits {
    /// Lowered to what so many descriptors can serve: each connection of a client may need one to the upstream, and the process itself, the
    /// admin listener and those who are turned away have a reserve. Where connections are fewer than configured, no client may have them all.
    func fitted(toDescriptors descriptors: Int) -> Settings.Limits {
        let room = max((descriptors - Self.reserve(of: descriptors)) / 2, 1)
        guard connections > room else { return self }
        var fitted = self
        fitted.connections = room
        fitted.connectionsPerClient = min(connectionsPerClient, max(room / 2, 1))
        return fitted
    }

    /// A quarter of few descriptors; 512 are enough for anybody.
    private static func reserve(of descriptors: Int) -> Int { min(512, descriptors / 4) }

    /// Clients past the bounds that are told so at once, each for a moment: a part of the reserve.
    static func maxTurnedAway(descriptors: Int) -> Int { reserve(of: descriptors) / 2 }
}

/// How many connections there are, in all and of each client, over all workers: asked once a connection.
final class ConnectionLimits: Sendable {
    private struct Counts {
        var total = 0
        var turnedAway = 0
        var ofClient: [ClientNetwork: Int] = [:]
    }

    private let counts = Mutex(Counts())
    private let maxTurnedAway = Settings.Limits.maxTurnedAway(descriptors: Descriptors.limit)

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

    /// A client past the bounds is to be told so. false: too many are being told already. To be followed by `endTurningAway`.
    func beginTurningAway() -> Bool {
        counts.withLock { counts in
            guard counts.turnedAway < maxTurnedAway else { return false }
            counts.turnedAway += 1
            return true
        }
    }

    func endTurningAway() { counts.withLock { $0.turnedAway -= 1 } }

    func leave(_ client: SocketAddress) {
        let key = client.clientNetwork
        counts.withLock { counts in
            counts.total -= 1
            let left = counts.ofClient[key, default: 1] - 1
            counts.ofClient[key] = left > 0 ? left : nil
        }
    }
}
