import FoundationEssentials
import Synchronization

/// Who used what, over all workers since the start. Bounded: what comes after `maxRows` pairs of repository and user is summed up in one row.
package final class Usage: Sendable {
    /// What a row is for.
    struct Key: Hashable, Sendable {
        /// Empty: outside of any repository.
        let repository: [UInt8]
        let user: String

        /// The synthesised one hashes a name byte by byte.
        func hash(into hasher: inout Hasher) {
            repository.withUnsafeBytes { hasher.combine(bytes: $0) }
            hasher.combine(user)
        }
    }

    private struct Table {
        var positions: [Key: Int] = [:]
        /// In the order of first use.
        var keys: [Key] = []
        /// Of all workers.
        var counters: [(position: Int, counters: UsageCounters)] = []
        var rest: [UsageCounters] = []
    }

    private let table = Mutex(Table())
    private let started = Date().timeIntervalSince1970
    let maxRows: Int

    /// Pairs of repository and user: a few megabytes for each worker.
    package static let maxRows = 10_000

    /// - Parameter maxRows: pairs of repository and user that have a row.
    package init(maxRows: Int = Usage.maxRows) { self.maxRows = maxRows }

    /// New counters of a worker for a row; nil: there is no such row, and none can be added.
    /// - Parameter mayAdd: adds the row where there is room.
    func counters(of key: Key, mayAdd: Bool) -> UsageCounters? {
        table.withLock { table in
            let position: Int
            if let known = table.positions[key] {
                position = known
            } else {
                guard mayAdd, table.keys.count < maxRows else { return nil }
                position = table.keys.count
                table.positions[key] = position
                table.keys.append(key)
            }
            let counters = UsageCounters()
            table.counters.append((position, counters))
            return counters
        }
    }

    /// New counters of a worker for what has no row.
    func restCounters() -> UsageCounters {
        let counters = UsageCounters()
        table.withLock { $0.rest.append(counters) }
        return counters
    }

    /// The rows once there is no room for more: they do not change from then on. nil: there is room.
    var finalRows: [Key: Int]? { table.withLock { $0.keys.count < maxRows ? nil : $0.positions } }

    /// What was counted up to now. From any thread; takes a few milliseconds for a full table.
    package func report() -> UsageReport {
        let (keys, counters, rest) = table.withLock { ($0.keys, $0.counters, $0.rest) }
        var rows = keys.map { key in
            UsageRow(
                repository: key.repository.isEmpty ? nil : String(decoding: key.repository, as: UTF8.self), user: key.user,
                figures: UsageFigures())
        }
        for (position, counters) in counters { rows[position].figures.add(counters.figures) }
        return UsageReport(
            since: started, rows: rows, rest: rest.reduce(into: UsageFigures()) { $0.add($1.figures) })
    }
}

/// Where a connection's last request was counted. The next is most often for the same user and repository, and needs no look-up.
package struct LastUsage {
    fileprivate var repository: [UInt8] = [], user = ""
    /// nil: there was no request, or it has no row.
    fileprivate var counters: UsageCounters?

    /// There was no request yet.
    package init() {}
}

/// One worker's part of the usage: a request costs one hash at most, and no lock. Confined to its loop.
package final class WorkerUsage {
    private let usage: Usage
    private var known: [Usage.Key: UsageCounters] = [:]
    private let rest: UsageCounters
    private var finalRows: [Usage.Key: Int]?

    /// - Parameter usage: that of all workers.
    package init(_ usage: Usage) {
        self.usage = usage
        rest = usage.restCounters()
    }

    /// Counts a request that has ended. Plain values, since a struct of another module is passed by its witnesses.
    /// - Parameters:
    ///   - repository: the name that clients use; empty: outside of any.
    ///   - isSuccess: the upstream has confirmed that the repository exists: only then may it take a row.
    ///   - isPull: a manifest was read.
    ///   - isPush: a manifest was written.
    ///   - received: bytes of a blob or a manifest, from the client.
    ///   - sent: the same to the client.
    ///   - last: of the connection.
    package func count(
        repository: [UInt8], user: String, isSuccess: Bool, isPull: Bool = false, isPush: Bool = false, received: Int = 0,
        sent: Int = 0, last: inout LastUsage
    ) {
        let use = Use(
            repository: repository, user: user, isSuccess: isSuccess, isPull: isPull, isPush: isPush, received: received, sent: sent
        )
        // Names that the upstream has not confirmed take no row: anybody who may pull could make them up.
        let row = !repository.isEmpty && (isSuccess || use.movedBytes) ? repository : []
        if let counters = last.counters, last.user == user, last.repository == row { return counters.count(use) }
        let key = Usage.Key(repository: row, user: user)
        let found = known[key] ?? adopt(key, mayAdd: row.isEmpty || isSuccess)
        if let found { (last.repository, last.user, last.counters) = (row, user, found) }
        (found ?? (row.isEmpty || isSuccess ? rest : counters(ofUser: user))).count(use)
    }

    private func counters(ofUser user: String) -> UsageCounters {
        let key = Usage.Key(repository: [], user: user)
        return known[key] ?? adopt(key, mayAdd: true) ?? rest
    }

    /// Another worker may have added the row. Once all rows are taken, no lock is needed to know that there is none.
    private func adopt(_ key: Usage.Key, mayAdd: Bool) -> UsageCounters? {
        if let finalRows, finalRows[key] == nil { return nil }
        guard let counters = usage.counters(of: key, mayAdd: mayAdd) else {
            if finalRows == nil { finalRows = usage.finalRows }
            return nil
        }
        known[key] = counters
        return counters
    }
}
