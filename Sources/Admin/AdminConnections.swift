import HTTPServer
import Transport

/// The admin listener's connections, bounded so that somebody who opens many and says nothing does not shut a probe out: the one that has kept it
/// waiting longest makes room for the new one.
struct AdminConnections {
    private struct Entry {
        let connection: ServerConnection
        /// Since when a request of it is waited for; nil: one is being answered.
        var waitingSince: ContinuousClock.Instant? = .now
    }

    private var entries: [Entry] = []

    /// A scrape a second from a few monitors is far below it.
    static let maxConnections = 256
    /// Of one address. Behind one all the probes of a node may be.
    static let maxPerClient = 64

    /// false: there is none, all of them being answered.
    mutating func makeRoom(for client: SocketAddress) -> Bool {
        let own = entries.indices.filter { entries[$0].connection.peer.addressBytes == client.addressBytes }
        if own.count >= Self.maxPerClient { return close(among: own) }
        return entries.count < Self.maxConnections || close(among: Array(entries.indices))
    }

    private mutating func close(among indices: [Int]) -> Bool {
        let waiting = indices.compactMap { index in entries[index].waitingSince.map { (since: $0, index: index) } }
        guard let longest = waiting.min(by: { $0.since < $1.since }) else { return false }
        entries.remove(at: longest.index).connection.abandon()
        return true
    }

    mutating func add(_ connection: ServerConnection) { entries.append(Entry(connection: connection)) }

    mutating func isWaiting(_ connection: ServerConnection, _ isWaiting: Bool) {
        guard let index = entries.firstIndex(where: { $0.connection === connection }) else { return }
        entries[index].waitingSince = isWaiting ? .now : nil
    }

    mutating func remove(_ connection: ServerConnection) { entries.removeAll { $0.connection === connection } }
}
