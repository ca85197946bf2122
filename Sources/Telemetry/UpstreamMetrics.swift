/// The counters of one upstream, shared by all workers. Owned by the upstream: the counts continue through reloads, and are no longer shown when the
/// upstream is gone.
package final class UpstreamMetrics: Sendable {
    /// The upstream's name in the configuration.
    package let name: String
    let replayReasons: [String]
    let replays: CounterTable
    /// Idle and active connections of each worker.
    let connections: CounterTable

    /// - Parameters:
    ///   - workers: how many workers there are.
    ///   - replayReasons: the labels that `replayed` indexes.
    package init(name: String, workers: Int, replayReasons: [String]) {
        (self.name, self.replayReasons) = (name, replayReasons)
        replays = CounterTable(replayReasons.count)
        connections = CounterTable(workers * 2)
    }

    /// - Parameter reason: an index of `replayReasons`.
    package func replayed(reason: Int) { replays.add(1, at: reason) }

    /// Replaces a worker's counts of open connections. Called now and then by each worker.
    package func connections(worker: Int, idle: Int, active: Int) {
        connections.set(idle, at: worker * 2)
        connections.set(active, at: worker * 2 + 1)
    }

    func connections(_ state: Int) -> Int {
        stride(from: state, to: connections.count, by: 2).reduce(0) { $0 + connections.value(at: $1) }
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
