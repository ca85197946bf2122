import Synchronization

/// What all workers have served since the start, and are serving now: for those who show it in another form than the metrics' text.
package struct ServedTotals: Sendable {
    /// Operations and statuses without a request are left out.
    package let requests: [(operation: String, status: Int, count: Int)]
    /// Clients' open connections, and the requests in progress.
    package let openConnections: Int, activeExchanges: Int

    /// Requests that the cache may serve, by what it had; empty: without labels.
    package let cacheRequests: [(result: String, count: Int)]

    /// - Parameter workers: all have the same labels.
    package init(of workers: [WorkerMetrics]) {
        func sum(_ value: (WorkerMetrics) -> Int) -> Int { workers.reduce(0) { $0 + value($1) } }
        let statuses = WorkerMetrics.statuses
        requests = (workers.first?.operations ?? []).enumerated().flatMap { index, operation in
            statuses.compactMap { status in
                let count = sum { $0.requests.value(at: index * statuses.count + status - statuses.lowerBound) }
                return count > 0 ? (operation, status, count) : nil
            }
        }
        cacheRequests = (workers.first?.cacheResults ?? []).enumerated().map { index, result in
            (result, sum { $0.cacheRequests.value(at: index) })
        }
        openConnections = sum { $0.openConnections.load(ordering: .relaxed) }
        activeExchanges = sum { $0.activeExchanges.load(ordering: .relaxed) }
    }
}
