import AWS
import Telemetry
import Transport

/// A worker's way to all upstreams: connections and tokens. Confined to its loop.
final class WorkerUpstreams {
    let pool: UpstreamPool
    private var tokens = TokenReaders()
    /// Large bodies on their way.
    let transfers: WorkerTransfers
    /// What asks upstreams without a client.
    let tasks: OwnTasks
    /// Those that ask for confirmations of what the cache holds.
    let renewals: QueuedTasks
    /// The worker's number, from 0.
    let worker: Int

    init(worker: Int, pool: UpstreamPool, transfers: WorkerTransfers) {
        (self.worker, self.pool, self.transfers, tasks) = (worker, pool, transfers, OwnTasks(on: pool.loop))
        renewals = QueuedTasks(tasks)
    }

    // MARK: Tokens

    /// nil: the upstream has no token.
    func token(of upstream: Upstream) -> AuthorizationToken? { tokens.token(of: upstream) }

    func hasToken(_ upstream: Upstream) -> Bool { token(of: upstream) != nil }

    /// The upstream has just accepted its token of this generation.
    func tokenAccepted(_ generation: Int, by upstream: Upstream) {
        tokens.accepted(generation, by: upstream, at: pool.loop.roundStart)
    }

    /// As `TokenReaders.rejected`.
    func tokenRejected(by upstream: Upstream) { tokens.rejected(by: upstream) }

    /// As `TokenReaders.isProven`.
    func isTokenProven(_ generation: Int, at upstream: Upstream) -> Bool {
        tokens.isProven(generation, at: upstream, now: .now)
    }

    /// Closes idle connections, forgets upstreams that a reload has removed, and publishes the numbers of connections. To be called every
    /// few seconds.
    func sweep(_ upstreams: [Upstream]) {
        pool.sweep()
        tokens.keep(only: upstreams.flatMap(\.registries))
        for upstream in upstreams {
            var total = (idle: 0, active: 0)
            for registry in upstream.registries {
                let (idle, active) = pool.connections(to: registry.origin)
                total = (total.idle + idle, total.active + active)
            }
            upstream.metrics.connections(worker: worker, idle: total.idle, active: total.active)
            if worker == 0 { upstream.retries.observe(at: .now) }
        }
    }
}
