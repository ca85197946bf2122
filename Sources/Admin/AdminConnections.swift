import HTTPServer
import Transport

/// The admin listener's connections. Their number is bounded. To make room for a new one, the connection of the busiest client that has been idle
/// longest is closed, so that a client with many connections does not lock out a probe.
struct AdminConnections {
    private struct Entry {
        let connection: ServerConnection
        let client: ClientNetwork
        /// Without a request.
        var isIdle = true
    }

    /// In the order in which they became idle, or were opened.
    private var entries: [Entry] = []
    private var counts: [ClientNetwork: Int] = [:]

    /// Far above what a few monitors need that scrape every second.
    static let maxConnections = 256
    /// For one client, which all the probes of a node may be. Two rounds of accepting on the loop: between them, requests that came with their
    /// connections are read.
    static let maxPerClient = 128

    /// Returns false when there is no room: all connections that could be closed have a request.
    mutating func makeRoom(for peer: SocketAddress) -> Bool {
        let client = peer.clientNetwork
        if counts[client, default: 0] >= Self.maxPerClient { return closeIdlest { $0 == client } }
        guard entries.count >= Self.maxConnections else { return true }
        // One connection after another of whoever has most: a probe has one, and is the last that a flood from other addresses reaches.
        let busiest = counts.max { $0.value < $1.value }?.key
        return closeIdlest { $0 == busiest } || closeIdlest { _ in true }
    }

    /// Closes the connection that has been idle longest: rather one of which nothing has come that was not read yet, since under a flood a probe is
    /// accepted together with many others, before the loop reads from any of them.
    private mutating func closeIdlest(of isClosable: (ClientNetwork) -> Bool) -> Bool {
        var idlest: Int?
        for (index, entry) in entries.enumerated() where entry.isIdle && isClosable(entry.client) {
            guard entry.connection.hasArrivedInput else {
                idlest = index
                break
            }
            idlest = idlest ?? index
        }
        guard let idlest else { return false }
        remove(at: idlest).connection.abandon()
        return true
    }

    mutating func add(_ connection: ServerConnection) {
        let client = connection.peer.clientNetwork
        entries.append(Entry(connection: connection, client: client))
        counts[client, default: 0] += 1
    }

    mutating func setIdle(_ connection: ServerConnection, _ isIdle: Bool) {
        guard let index = index(of: connection) else { return }
        var entry = entries.remove(at: index)
        entry.isIdle = isIdle
        entries.append(entry)
    }

    mutating func remove(_ connection: ServerConnection) {
        if let index = index(of: connection) { _ = remove(at: index) }
    }

    private func index(of connection: ServerConnection) -> Int? { entries.lastIndex { $0.connection === connection } }

    private mutating func remove(at index: Int) -> Entry {
        let entry = entries.remove(at: index)
        counts[entry.client, default: 1] -= 1
        if counts[entry.client] == 0 { counts[entry.client] = nil }
        return entry
    }
}
