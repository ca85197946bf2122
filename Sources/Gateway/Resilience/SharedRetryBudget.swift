import Synchronization
package import Telemetry

/// The retry budget of one upstream, for all workers. Kept through reloads, as the counters are that it reads. Nothing of it is touched by a request that
/// succeeds at once.
package final class SharedRetryBudget: Sendable {
    private struct State {
        var budget: RetryBudget
        /// Requests that got no response, and are in no counter.
        var unanswered = 0
    }

    private let state: Mutex<State>
    private let metrics: UpstreamMetrics

    /// - Parameter metrics: count the requests that responses came to.
    package init(_ metrics: UpstreamMetrics) {
        self.metrics = metrics
        state = Mutex(State(budget: RetryBudget(at: .now)))
    }

    /// An attempt has ended without a response.
    func countUnanswered() { state.withLock { $0.unanswered += 1 } }

    /// Whether a request may be sent once more. It then counts.
    func take(at now: ContinuousClock.Instant) -> Bool {
        let answered = metrics.responseCount
        return state.withLock { state in
            state.budget.observe(answered + state.unanswered, at: now)
            return state.budget.take(at: now)
        }
    }

    /// To be called every few seconds, so that the budget knows when requests came.
    func observe(at now: ContinuousClock.Instant) {
        let answered = metrics.responseCount
        state.withLock { $0.budget.observe(answered + $0.unanswered, at: now) }
    }
}
