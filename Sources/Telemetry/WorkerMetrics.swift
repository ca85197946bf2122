import Synchronization

/// The counters of one worker. Only the worker adds; any thread may read at any time. Relaxed atomics in fixed tables, no lock.
package final class WorkerMetrics: Sendable {
    let operations: [String], loginFailures: [String], cacheResults: [String]
    let requests: CounterTable
    let seconds: CounterTable
    /// In microseconds, so that an integer holds them.
    let secondsSum: CounterTable
    let logins: CounterTable
    let cacheRequests: CounterTable
    let openConnections = Atomic(0), activeExchanges = Atomic(0), turnedAwayConnections = Atomic(0)

    static let statuses = 100...599
    /// Upper bounds of the histogram, in seconds: from a response of Berth's own to a layer of many gigabytes.
    static let buckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300]

    /// - Parameters:
    ///   - operations: the labels that `request` indexes.
    ///   - loginFailures: the labels that `loginFailed` indexes.
    ///   - cacheResults: the labels that `cacheRequest` indexes.
    package init(operations: [String], loginFailures: [String], cacheResults: [String] = []) {
        (self.operations, self.loginFailures, self.cacheResults) = (operations, loginFailures, cacheResults)
        requests = CounterTable(operations.count * Self.statuses.count)
        seconds = CounterTable(operations.count * (Self.buckets.count + 1))
        secondsSum = CounterTable(operations.count)
        logins = CounterTable(loginFailures.count)
        cacheRequests = CounterTable(cacheResults.count)
    }

    /// An exchange has ended.
    /// - Parameters:
    ///   - operation: an index of `operations`.
    ///   - status: outside 100...599 no response was sent, and none is counted.
    ///   - taken: from the request's head to the end of the response.
    package func request(operation: Int, status: Int, seconds taken: Double) {
        if Self.statuses.contains(status) {
            requests.add(1, at: operation * Self.statuses.count + status - Self.statuses.lowerBound)
        }
        let bucket = Self.buckets.firstIndex { taken <= $0 } ?? Self.buckets.count
        seconds.add(1, at: operation * (Self.buckets.count + 1) + bucket)
        secondsSum.add(Int(taken * 1e6), at: operation)
    }

    /// Adds to the clients' open connections; negative when they close. Those without an exchange are shown as idle.
    package func connections(add count: Int) { openConnections.add(count, ordering: .relaxed) }
    /// Adds to the exchanges in progress; negative when they end.
    package func exchangesInFlight(add count: Int) { activeExchanges.add(count, ordering: .relaxed) }
    /// A connection was refused because of a limit.
    package func turnedAway() { turnedAwayConnections.add(1, ordering: .relaxed) }
    /// - Parameter reason: an index of `loginFailures`.
    package func loginFailed(reason: Int) { logins.add(1, at: reason) }
    /// - Parameter result: an index of `cacheResults`.
    package func cacheRequest(result: Int) { cacheRequests.add(1, at: result) }
}

/// Counters by index.
///
/// `@unchecked Sendable`: the pointer is set once, and each counter behind it is atomic.
final class CounterTable: @unchecked Sendable {
    private let counters: UnsafeMutablePointer<Atomic<Int>>
    let count: Int

    /// Two lines of the cache, which come together: another worker's counters are not in them.
    private static let alignment = 128

    init(_ count: Int) {
        self.count = count
        let bytes = max(count, 1) * MemoryLayout<Atomic<Int>>.stride
        counters = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: Self.alignment)
            .bindMemory(to: Atomic<Int>.self, capacity: count)
        for index in 0..<count { (counters + index).initialize(to: Atomic(0)) }
    }

    deinit {
        counters.deinitialize(count: count)
        counters.deallocate()
    }

    func add(_ amount: Int, at index: Int) {
        precondition(index >= 0 && index < count)
        counters[index].add(amount, ordering: .relaxed)
    }

    func set(_ value: Int, at index: Int) {
        precondition(index >= 0 && index < count)
        counters[index].store(value, ordering: .relaxed)
    }

    func value(at index: Int) -> Int {
        precondition(index >= 0 && index < count)
        return counters[index].load(ordering: .relaxed)
    }
}
