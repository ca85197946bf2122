import AWS
import Telemetry
import Transport

/// A worker's way to all upstreams: connections, tokens, and buffers for heads. Confined to its loop.
final class WorkerUpstreams {
    let pool: UpstreamPool
    private var tokens = TokenReaders()
    private var headBuffers: [[UInt8]] = []
    /// Large bodies on their way.
    let transfers: WorkerTransfers
    /// The worker's number, from 0.
    let worker: Int

    private static let maxHeadBuffers = 64
    /// Bytes. Buffers that a manifest has made larger are not kept.
    private static let maxHeadBuffer = 64 << 10

    init(worker: Int, pool: UpstreamPool, transfers: WorkerTransfers) {
        (self.worker, self.pool, self.transfers) = (worker, pool, transfers)
    }

    // MARK: Tokens

    /// nil: the upstream has no token.
    func token(of upstream: Upstream) -> AuthorizationToken? { tokens.token(of: upstream) }

    /// The upstream has just accepted its token.
    func tokenAccepted(by upstream: Upstream) { tokens.accepted(by: upstream) }

    func isTokenProven(at upstream: Upstream) -> Bool { tokens.isProven(at: upstream) }

    // MARK: Buffers

    /// An empty buffer for a head, with the capacity that earlier ones needed.
    func takeHeadBuffer() -> [UInt8] { headBuffers.popLast() ?? [] }

    /// - Parameter buffer: empty afterwards. It is taken out of its owner's variable: a second reference would copy it.
    func returnHeadBuffer(_ buffer: inout [UInt8]) {
        var returned: [UInt8] = []
        swap(&returned, &buffer)
        guard headBuffers.count < Self.maxHeadBuffers, returned.capacity <= Self.maxHeadBuffer else { return }
        returned.removeAll(keepingCapacity: true)
        headBuffers.append(returned)
    }

    /// Closes idle connections, forgets upstreams that a reload has removed, and publishes the numbers of connections. To be called every
    /// few seconds.
    func sweep(_ upstreams: [Upstream]) {
        pool.sweep()
        tokens.keep(only: upstreams)
        for upstream in upstreams {
            let (idle, active) = pool.connections(to: upstream.origin)
            upstream.metrics.connections(worker: worker, idle: idle, active: active)
        }
    }
}
