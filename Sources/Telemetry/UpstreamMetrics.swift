import Synchronization

/// The counters of one upstream. Owned by the upstream: the counts continue through reloads, and are no longer shown when the upstream is gone.
package final class UpstreamMetrics: Sendable {
    /// The upstream's name in the configuration.
    package let name: String
    let replayReasons: [String]
    let replays: CounterTable
    /// Idle and active connections of each worker.
    let connections: CounterTable
    /// Responses of each worker by status, so that workers do not write to the same memory.
    private let responses: CounterTable
    /// For each worker its buckets, and the sum in microseconds.
    private let seconds: CounterTable
    private let throttles = Atomic(0), delays = Atomic(0)
    private let workers: Int

    private static let width = WorkerMetrics.buckets.count + 2

    /// - Parameters:
    ///   - workers: how many workers there are.
    ///   - replayReasons: the labels that `replayed` indexes.
    package init(name: String, workers: Int, replayReasons: [String]) {
        (self.name, self.workers, self.replayReasons) = (name, workers, replayReasons)
        replays = CounterTable(replayReasons.count)
        connections = CounterTable(workers * 2)
        responses = CounterTable(workers * WorkerMetrics.statuses.count)
        seconds = CounterTable(workers * Self.width)
    }

    /// - Parameter reason: an index of `replayReasons`.
    package func replayed(reason: Int) { replays.add(1, at: reason) }

    /// The head of a response of the registry has come.
    /// - Parameters:
    ///   - worker: the worker's number, from 0.
    ///   - status: 100...599.
    ///   - taken: since the end of the request.
    package func responded(worker: Int, status: Int, seconds taken: Double) {
        if WorkerMetrics.statuses.contains(status) {
            responses.add(1, at: worker * WorkerMetrics.statuses.count + status - WorkerMetrics.statuses.lowerBound)
        }
        seconds.add(1, at: worker * Self.width + (WorkerMetrics.buckets.firstIndex { taken <= $0 } ?? WorkerMetrics.buckets.count))
        seconds.add(Int(taken * 1e6), at: worker * Self.width + Self.width - 1)
        if status == 429 { throttled() }
    }

    /// AWS has limited the rate of a call to its API.
    package func throttled() { throttles.add(1, ordering: .relaxed) }

    /// Berth has made a request wait for its turn, or sent it away.
    package func delayed() { delays.add(1, ordering: .relaxed) }

    /// Replaces a worker's counts of open connections. Called now and then by each worker.
    package func connections(worker: Int, idle: Int, active: Int) {
        connections.set(idle, at: worker * 2)
        connections.set(active, at: worker * 2 + 1)
    }

    // MARK: Reading

    func connections(_ state: Int) -> Int {
        stride(from: state, to: connections.count, by: 2).reduce(0) { $0 + connections.value(at: $1) }
    }

    var throttleCount: Int { throttles.load(ordering: .relaxed) }
    var delayCount: Int { delays.load(ordering: .relaxed) }

    /// Over all workers, without the statuses that have not come.
    var responsesByStatus: [(status: Int, count: Int)] {
        WorkerMetrics.statuses.enumerated().compactMap { index, status in
            let count = sum(responses, index, of: WorkerMetrics.statuses.count)
            return count > 0 ? (status, count) : nil
        }
    }

    /// Over all workers: one more than there are buckets.
    var secondsByBucket: [Int] { (0..<(Self.width - 1)).map { sum(seconds, $0, of: Self.width) } }

    /// Of all workers, since the upstream was made.
    package var responseCount: Int { secondsByBucket.reduce(0, +) }

    var secondsSum: Double { Double(sum(seconds, Self.width - 1, of: Self.width)) / 1e6 }

    private func sum(_ table: CounterTable, _ column: Int, of width: Int) -> Int {
        (0..<workers).reduce(0) { $0 + table.value(at: $1 * width + column) }
    }
}

/// How the configuration was last loaded: at the start, or by a reload.
package struct ReloadFigures: Sendable {
    /// Of the last attempt.
    package var wasSuccessful = true
    /// When a load last succeeded, in seconds since 1970.
    package var lastSuccess: Double

    /// After a successful load.
    package init(lastSuccess: Double) { self.lastSuccess = lastSuccess }
}
