import Transport

/// The connections to one origin.
final class ConnectionGroup {
    let origin: Origin
    /// The newest at the end.
    var idle: [UpstreamConnection] = []
    /// Idle or not: each connection adds itself when it is made and subtracts itself when it is gone.
    var open = 0
    /// Of the name, when it was last connected to.
    var addressCount = 1

    init(_ origin: Origin) { self.origin = origin }

    func closeIdle(where isStale: (UpstreamConnection) -> Bool) {
        for connection in idle where isStale(connection) { connection.stream.close() }
        idle.removeAll { !$0.stream.isOpen }
    }
}
