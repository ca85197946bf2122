import Configuration
import Crypto
import HTTP
import Transport

/// A worker's idle connections to upstreams, newest on top, so that a burst's surplus ages out at the bottom. A connection in use belongs to
/// its `Lease` alone. Confined to its worker's loop.
final class UpstreamPool {
    private let loop: EventLoop
    private var tls: TLSClient
    private var proxy: OutboundProxy?
    private var idle: [Origin: [UpstreamConnection]] = [:]
    private var addresses: [Origin: (found: [SocketAddress], at: ContinuousClock.Instant)] = [:]
    /// Connections to each origin, idle or not.
    private var open: [Origin: OpenCount] = [:]
    private let tally: ByteTally

    /// Idle connections of one origin: a burst of a node pool's pulls leaves a few dozen.
    private static let maxIdle = 64
    /// Hosts remembered: a handful of registries and the buckets and CDNs behind them.
    private static let maxOrigins = 256
    /// ECR's own idle timeout is not documented (ECR 8); half a minute is below every load balancer's default.
    private static let idleTime = Duration.seconds(30)
    /// Addresses of a name: for the connections of a burst. S3's records live for a few seconds, and evdns does not say how long.
    private static let addressTime = Duration.seconds(1)

    init(loop: EventLoop, outbound: OutboundSettings, tally: ByteTally) {
        (self.loop, tls, proxy, self.tally) = (loop, outbound.tls, outbound.proxy, tally)
    }

    /// Makes connections in another way from now on. Those that were made before are used for no further exchange.
    func use(_ outbound: OutboundSettings) {
        guard outbound.tls !== tls else { return }
        (tls, proxy) = (outbound.tls, outbound.proxy)
        for connection in idle.values.joined() { connection.stream.close() }
        idle = [:]
    }

    /// A connection ready for a request: an idle one, or a new one.
    /// - Parameters:
    ///   - waiter: where the exchange waits, for this connection as for its client's.
    ///   - isNew: leaves the idle ones alone, after one of them turned out to be closed.
    /// - Throws: `TransportError`.
    func lease(_ origin: Origin, timeouts: Settings.Timeouts, waiter: Waiter, isNew: Bool = false) async throws -> Lease {
        let connection =
            if !isNew, let idle = takeIdle(origin, waiter) { idle } else {
                try await connect(to: origin, timeouts: timeouts, waiter: waiter)
            }
        connection.begin()
        return Lease(connection, from: self)
    }

    private func takeIdle(_ origin: Origin, _ waiter: Waiter) -> UpstreamConnection? {
        while let connection = idle[origin]?.popLast() {
            // Asked only here: in the middle of an exchange the event may fire once more before its bytes are read.
            guard connection.isReusable, !connection.stream.hasUnexpectedInput,
                ContinuousClock.now - connection.idleSince < Self.idleTime
            else {
                connection.stream.close()
                continue
            }
            connection.stream.waiter = waiter
            connection.isReused = true
            return connection
        }
        return nil
    }

    private func connect(to origin: Origin, timeouts: Settings.Timeouts, waiter: Waiter) async throws -> UpstreamConnection {
        let tls = tls
        let proxy = proxy.flatMap { $0.serves(origin) ? $0 : nil }
        var addresses = try await resolve(proxy?.origin ?? origin)
        // The addresses that are checked are those that are dialled: resolving again could give others. A proxy resolves the name itself.
        if origin.isPublicOnly, proxy == nil { addresses = try Self.publicAddresses(addresses, of: origin) }
        let stream = try await Connector.connect(
            to: addresses, on: loop, waiter: waiter, timeout: timeouts.connect, tally: tally)
        do {
            try await proxy?.tunnel(stream, to: origin, timeout: timeouts.tlsHandshake)
            try await stream.connectTLS(tls, name: origin.host, timeout: timeouts.tlsHandshake)
        } catch let error as HeadError {
            stream.close()
            throw TransportError(.refused, call: "CONNECT", reason: "the proxy's response is not HTTP: \(error.reason)")
        } catch let error as TransportError {
            stream.close()
            throw TransportError(error.kind, call: error.call, reason: "\(origin.host): \(error.reason)")
        }
        let count = open[origin] ?? OpenCount()
        if open.count < Self.maxOrigins { open[origin] = count }
        return UpstreamConnection(stream, origin: origin, tls: tls, counted: count)
    }

    /// Keeps a connection after its exchange, or closes it when it cannot be used again. `Lease` calls it, and nobody else.
    func takeBack(_ connection: UpstreamConnection) {
        guard connection.isReusable, connection.tls === tls, idle[connection.origin, default: []].count < Self.maxIdle else {
            connection.stream.close()
            return
        }
        connection.idleSince = ContinuousClock.now
        connection.stream.waiter = Waiter()
        connection.stream.watchForClose()
        idle[connection.origin, default: []].append(connection)
    }

    /// Closes connections that have been idle for too long. The worker calls it every few seconds.
    func sweep() {
        let now = ContinuousClock.now
        for (origin, connections) in idle {
            let stale = connections.prefix { now - $0.idleSince >= Self.idleTime || $0.stream.hasUnexpectedInput }
            for connection in stale { connection.stream.close() }
            idle[origin] = stale.count == connections.count ? nil : Array(connections.dropFirst(stale.count))
        }
        addresses = addresses.filter { now - $0.value.at < Self.addressTime }
    }

    /// Connections to an origin: idle, and with an exchange on them.
    func connections(to origin: Origin) -> (idle: Int, active: Int) {
        let idle = idle[origin]?.count ?? 0
        return (idle, max((open[origin]?.value ?? 0) - idle, 0))
    }

    private static func publicAddresses(_ addresses: [SocketAddress], of origin: Origin) throws -> [SocketAddress] {
        let open = addresses.filter(\.isPublic)
        guard open.isEmpty else { return open }
        let found = addresses.map(\.host).joined(separator: ", ")
        throw TransportError(
            .refused, call: "connect",
            reason: "\(origin.host) is at \(found), which is not public; the upstream's blob_hosts can name it all the same")
    }

    private func resolve(_ origin: Origin) async throws -> [SocketAddress] {
        if let known = addresses[origin], ContinuousClock.now - known.at < Self.addressTime { return known.found }
        let found = try await loop.resolver.resolve(origin.dialHost, port: origin.dialPort)
        if addresses.count < Self.maxOrigins { addresses[origin] = (found, ContinuousClock.now) }
        return found
    }
}

/// Counts the connections that hold it: each adds itself when it is made and subtracts itself when it is gone.
final class OpenCount {
    var value = 0
}
