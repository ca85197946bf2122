import Crypto
import Transport

/// A worker's connections to upstreams: those that lie idle, newest on top, so that a burst's surplus ages out at the bottom.
/// A connection in use belongs to its exchange alone. Confined to its worker's loop.
final class UpstreamPool {
    private let loop: EventLoop
    private let tls: TLSClient
    private let connectTimeout: Duration, handshakeTimeout: Duration
    private var idle: [Origin: [UpstreamConnection]] = [:]
    private var addresses: [Origin: (found: [SocketAddress], at: ContinuousClock.Instant)] = [:]
    /// Connections in use and idle; for the metrics.
    private(set) var opened = 0, reused = 0

    /// Idle connections of one origin. A burst of a node pool's pulls leaves a few dozen.
    private static let idleAtMost = 64
    /// Hosts remembered: a handful of registries and the buckets and CDNs behind them.
    private static let originsAtMost = 256
    /// ECR's own idle timeout is not documented (wire 8); half a minute is below every load balancer's default.
    private static let idleTime = Duration.seconds(30)
    /// Addresses of a name; AWS's records live for a minute.
    private static let addressTime = Duration.seconds(30)

    init(loop: EventLoop, tls: TLSClient, connectTimeout: Duration, handshakeTimeout: Duration) {
        (self.loop, self.tls, self.connectTimeout, self.handshakeTimeout) = (loop, tls, connectTimeout, handshakeTimeout)
    }

    /// A connection ready for a request: an idle one, or a new one.
    /// - Parameters:
    ///   - waiter: where the exchange waits, for this connection as for its client's.
    ///   - fresh: leaves the idle ones alone, after one of them turned out to be closed.
    func take(_ origin: Origin, waiter: Waiter, fresh: Bool = false) async throws(TransportError) -> UpstreamConnection {
        while !fresh, let connection = idle[origin]?.popLast() {
            guard connection.isReusable, ContinuousClock.now - connection.idleSince < Self.idleTime else {
                connection.stream.close()
                continue
            }
            connection.stream.waiter = waiter
            connection.isReused = true
            reused += 1
            return connection
        }
        let stream = try await Stream.connect(
            to: try await resolve(origin), on: loop, waiter: waiter, timeout: connectTimeout)
        do throws(TransportError) {
            try await stream.connectTLS(tls, name: origin.host, timeout: handshakeTimeout)
        } catch {
            stream.close()
            throw TransportError(error.kind, call: error.call, reason: "\(origin.host): \(error.reason)")
        }
        opened += 1
        return UpstreamConnection(stream, origin: origin)
    }

    /// Takes a connection back after its exchange, or closes it when it cannot be used again.
    func put(_ connection: UpstreamConnection) {
        guard connection.isReusable, idle[connection.origin, default: []].count < Self.idleAtMost else {
            connection.stream.close()
            return
        }
        connection.idleSince = ContinuousClock.now
        connection.stream.waiter = Waiter()
        connection.stream.watchUnattended()
        idle[connection.origin, default: []].append(connection)
    }

    /// Closes what has lain too long. Called now and then by the worker.
    func sweep() {
        let now = ContinuousClock.now
        for (origin, connections) in idle {
            let stale = connections.prefix { now - $0.idleSince >= Self.idleTime || $0.stream.wasReadableUnwatched }
            for connection in stale { connection.stream.close() }
            idle[origin] = stale.count == connections.count ? nil : Array(connections.dropFirst(stale.count))
        }
        addresses = addresses.filter { now - $0.value.at < Self.addressTime }
    }

    var idleCount: Int { idle.reduce(0) { $0 + $1.value.count } }

    private func resolve(_ origin: Origin) async throws(TransportError) -> [SocketAddress] {
        if let known = addresses[origin], ContinuousClock.now - known.at < Self.addressTime { return known.found }
        let found = try await loop.resolve(origin.dialHost, port: origin.dialPort)
        if addresses.count < Self.originsAtMost { addresses[origin] = (found, ContinuousClock.now) }
        return found
    }
}
