import Transport

/// Addresses that have failed, or that close their connections, while others of their name may not: they are tried last for a while. A pure value, told
/// what happened and when.
///
/// A name such as a registry's has several addresses, and one of them may be broken or about to be shut down long before it leaves the DNS.
struct Outliers {
    private struct Entry {
        let address: SocketAddress
        /// In a row. A response in order ends both rows.
        var failures = 0, closings = 0
        var avoidedUntil: ContinuousClock.Instant?
        var changed: ContinuousClock.Instant
    }

    /// A handful: a scan is shorter than a hash.
    private var entries: [Entry] = []

    /// How long an address is avoided after the first failure, for each one in a row, and at most.
    static let time = Duration.seconds(10), maxTime = Duration.seconds(60)
    /// Failed responses in a row: one alone says nothing of the address. A failed connect does.
    static let maxFailures = 2
    /// Connections in a row that it closed: a server that is shutting down closes all of them, one that only bounds their use keeps others.
    static let maxClosings = 3
    /// The oldest are forgotten.
    private static let maxEntries = 64

    /// The usual case: nothing has happened to any address.
    var isEmpty: Bool { entries.isEmpty }

    /// No connection could be made to it.
    mutating func connectFailed(_ address: SocketAddress, at now: ContinuousClock.Instant) {
        let index = index(of: address, at: now)
        entries[index].failures = max(entries[index].failures + 1, Self.maxFailures)
        avoid(index, at: now)
    }

    /// A response from there broke off, did not come, or says that the server failed.
    mutating func responseFailed(_ address: SocketAddress, at now: ContinuousClock.Instant) {
        let index = index(of: address, at: now)
        entries[index].failures += 1
        if entries[index].failures >= Self.maxFailures { avoid(index, at: now) }
    }

    /// It closed a connection that could have gone on, or said that it will.
    mutating func closed(_ address: SocketAddress, at now: ContinuousClock.Instant) {
        let index = index(of: address, at: now)
        entries[index].closings += 1
        if entries[index].closings >= Self.maxClosings { avoid(index, at: now) }
    }

    /// A response from there came in order, and its connection stays open.
    mutating func succeeded(_ address: SocketAddress) { entries.removeAll { $0.address == address } }

    func isAvoided(_ address: SocketAddress, at now: ContinuousClock.Instant) -> Bool {
        entries.contains { $0.address == address && ($0.avoidedUntil ?? now) > now }
    }

    /// The addresses of a name in the order to try them.
    func ordered(_ addresses: [SocketAddress], at now: ContinuousClock.Instant) -> [SocketAddress] {
        guard !isEmpty, addresses.count > 1 else { return addresses }
        return addresses.filter { !isAvoided($0, at: now) } + addresses.filter { isAvoided($0, at: now) }
    }

    /// Forgets what was long ago.
    mutating func sweep(at now: ContinuousClock.Instant) { entries.removeAll { now - $0.changed >= Self.maxTime } }

    private mutating func index(of address: SocketAddress, at now: ContinuousClock.Instant) -> Int {
        if let index = entries.firstIndex(where: { $0.address == address }) {
            entries[index].changed = now
            return index
        }
        if entries.count >= Self.maxEntries { entries.removeFirst() }
        entries.append(Entry(address: address, changed: now))
        return entries.count - 1
    }

    private mutating func avoid(_ index: Int, at now: ContinuousClock.Instant) {
        let inARow = max(entries[index].failures - Self.maxFailures, entries[index].closings - Self.maxClosings) + 1
        entries[index].avoidedUntil = now + min(Self.maxTime, Self.time * inARow)
    }
}
