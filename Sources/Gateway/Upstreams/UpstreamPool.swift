import Configuration
import Crypto
import HTTP
import Transport

/// A worker's connections to upstreams: those that lie idle, newest on top, so that a burst's surplus ages out at the bottom.
/// A connection in use belongs to its exchange alone. Confined to its worker's loop.
final class UpstreamPool {
    private let loop: EventLoop
    private let tls: TLSClient
    private let proxy: OutboundProxy?
    private var idle: [Origin: [UpstreamConnection]] = [:]
    private var addresses: [Origin: (found: [SocketAddress], at: ContinuousClock.Instant)] = [:]
    /// How many connections to each origin there are, idle or not.
    private var open: [Origin: OpenCount] = [:]
    private let tally: ByteTally

    /// Idle connections of one origin. A burst of a node pool's pulls leaves a few dozen.
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

    /// A connection ready for a request: an idle one, or a new one.
    /// - Parameters:
    ///   - waiter: where the exchange waits, for this connection as for its client's.
    ///   - fresh: leaves the idle ones alone, after one of them turned out to be closed.
    func take(_ origin: Origin, timeouts: Settings.Timeouts, waiter: Waiter, fresh: Bool = false) async throws -> UpstreamConnection
    {
        while !fresh, let connection = idle[origin]?.popLast() {
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
        let proxy = proxy.flatMap { $0.serves(origin) ? $0 : nil }
        var addresses = try await resolve(proxy?.origin ?? origin)
        // What is looked at is what is dialled, so no name can turn it. Through a proxy the name is resolved there: its rules decide.
        if origin.isPublicOnly, proxy == nil { addresses = try Self.publicOnes(of: addresses, origin) }
        let stream = try await SocketStream.connect(
            to: addresses, on: loop, waiter: waiter, timeout: timeouts.connect, tally: tally)
        do {
            try await proxy?.tunnel(stream, to: origin, timeout: timeouts.tlsHandshake)
            try await stream.connectTLS(tls, name: origin.host, timeout: timeouts.tlsHandshake)
        } catch let error as HeadError {
            stream.close()
            throw TransportError(.refused, call: "CONNECT", reason: "the proxy's answer is not HTTP: \(error.reason)")
        } catch let error as TransportError {
            stream.close()
            throw TransportError(error.kind, call: error.call, reason: "\(origin.host): \(error.reason)")
        }
        let count = open[origin] ?? OpenCount()
        if open.count < Self.maxOrigins { open[origin] = count }
        return UpstreamConnection(stream, origin: origin, counted: count)
    }

    /// Takes a connection back after its exchange, or closes it when it cannot be used again.
    func put(_ connection: UpstreamConnection) {
        guard connection.isReusable, idle[connection.origin, default: []].count < Self.maxIdle else {
            connection.stream.close()
            return
        }
        connection.idleSince = ContinuousClock.now
        connection.stream.waiter = Waiter()
        connection.stream.watchForClose()
        idle[connection.origin, default: []].append(connection)
    }

    /// Closes what has lain too long. Called now and then by the worker.
    func sweep() {
        let now = ContinuousClock.now
        for (origin, connections) in idle {
            let stale = connections.prefix { now - $0.idleSince >= Self.idleTime || $0.stream.hasUnexpectedInput }
            for connection in stale { connection.stream.close() }
            idle[origin] = stale.count == connections.count ? nil : Array(connections.dropFirst(stale.count))
        }
        addresses = addresses.filter { now - $0.value.at < Self.addressTime }
    }

    /// Connections to an origin: lying idle, and with an exchange on them.
    func connections(to origin: Origin) -> (idle: Int, active: Int) {
        let idle = idle[origin]?.count ?? 0
        return (idle, max((open[origin]?.value ?? 0) - idle, 0))
    }

    private static func publicOnes(of addresses: [SocketAddress], _ origin: Origin) throws -> [SocketAddress] {
        let open = addresses.filter(\.isPublic)
        guard open.isEmpty else { return open }
        let found = addresses.map(\.host).joined(separator: ", ")
        throw TransportError(
            .refused, call: "connect",
            reason: "\(origin.host) is at \(found), which is not public; the upstream's blob_hosts can name it all the same")
    }

    private func resolve(_ origin: Origin) async throws -> [SocketAddress] {
        if let known = addresses[origin], ContinuousClock.now - known.at < Self.addressTime { return known.found }
        let found = try await loop.resolve(origin.dialHost, port: origin.dialPort)
        if addresses.count < Self.maxOrigins { addresses[origin] = (found, ContinuousClock.now) }
        return found
    }
}

/// Counts the connections that hold it; they count themselves out when they are gone.
final class OpenCount {
    var value = 0
}
