/// What is counted of one upstream, by all workers. Its upstream owns it: the counts go on through reloads, and are no longer shown when the
/// upstream is gone.
package final class UpstreamMetrics: Sendable {
    package let name: String
    let replayReasons: [String]
    let replays: CounterTable
    /// Idle and active ones, of each worker.
    let connections: CounterTable

    /// - Parameter replayReasons: the labels that replays are indexed by.
    package init(name: String, workers: Int, replayReasons: [String]) {
        (self.name, self.replayReasons) = (name, replayReasons)
        replays = CounterTable(replayReasons.count)
        connections = CounterTable(workers * 2)
    }

    package func replayed(reason: Int) { replays.add(1, at: reason) }

    /// A level, set now and then by each worker.
    package func connections(worker: Int, idle: Int, active: Int) {
        connections.set(idle, at: worker * 2)
        connections.set(active, at: worker * 2 + 1)
    }

    func connections(_ state: Int) -> Int {
        stride(from: state, to: connections.count, by: 2).reduce(0) { $0 + connections.value(at: $1) }
    }
}

/// How the configuration was last taken up: at the start, or by a reload.
package struct ReloadFigures: Sendable {
    package var wasSuccessful = true
    /// When one last succeeded. Seconds since 1970.
    package var lastSuccess: Double

    package init(lastSuccess: Double) { self.lastSuccess = lastSuccess }
}
