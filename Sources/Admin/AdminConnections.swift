import HTTPServer
import Transport

/// The admin listener's connections. Their number is bounded. To make room for a new one, the connection that has been idle longest is closed,
/// so that a client with many idle connections does not lock out a probe.
struct AdminConnections {
    private struct Entry {
        let connection: ServerConnection
        /// Since when the connection has been idle; nil while it has a request.
        var idleSince: ContinuousClock.Instant? = .now
    }

    private var entries: [Entry] = []

    /// Far above what a few monitors need that scrape every second.
    static let maxConnections = 256
    /// For one address, which all the probes of a node may share.
    static let maxPerClient = 64

    /// Returns false when there is no room: all connections that could be closed have a request.
    mutating func makeRoom(for client: SocketAddress) -> Bool {
        let own = entries.indices.filter { entries[$0].connection.peer.addressBytes == client.addressBytes }
        if own.count >= Self.maxPerClient { return close(among: own) }
        return entries.count < Self.maxConnections || close(among: Array(entries.indices))
    }

    private mutating func close(among indices: [Int]) -> Bool {
        let idle = indices.compactMap { index in entries[index].idleSince.map { (since: $0, index: index) } }
        guard let longest = idle.min(by: { $0.since < $1.since }) else { return false }
        entries.remove(at: longest.index).connection.abandon()
        return true
    }

    mutating func add(_ connection: ServerConnection) { entries.append(Entry(connection: connection)) }

    mutating func setIdle(_ connection: ServerConnection, _ isIdle: Bool) {
        guard let index = entries.firstIndex(where: { $0.connection === connection }) else { return }
        entries[index].idleSince = isIdle ? .now : nil
    }

    mutating func remove(_ connection: ServerConnection) { entries.removeAll { $0.connection === connection } }
}
