import Configuration
import Crypto
import HTTP
import Transport

/// A worker's idle connections to upstreams, newest on top, so that a burst's surplus ages out at the bottom. A connection in use belongs to
/// its `Lease` alone. Confined to its worker's loop.
final class UpstreamPool {
    let loop: EventLoop
    private var tls: TLSClient
    private var proxy: OutboundProxy?
    private var groups: [Origin: ConnectionGroup] = [:]
    /// The last group that was asked for: often the next one too, and then nothing is hashed.
    private var recent: ConnectionGroup?
    private var addresses: [Origin: (found: [SocketAddress], at: ContinuousClock.Instant)] = [:]
    private let tally: ByteTally
    /// The order in which the addresses of a name are tried.
    private var outliers = Outliers()

    /// Idle connections of one origin. As many as a large cluster's burst of pulls has at once: closing the surplus would cost a handshake for each
    /// request of the next burst, ten times the request itself. `idleTime` ends what nobody uses. Fewer where descriptors are few.
    private static let maxIdle = min(1024, max(64, Descriptors.limit / 64))
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
        for group in groups.values { group.closeIdle { _ in true } }
    }

    /// A new connection, ready for a request.
    /// - Parameters:
    ///   - deadline: no further address is tried after it.
    ///   - waiter: where the exchange waits, for this connection as for its client's.
    /// - Throws: `TransportError`.
    func connect(to origin: Origin, timeouts: Settings.Timeouts, deadline: ContinuousClock.Instant, waiter: Waiter) async throws
        -> Lease
    {
        let connection = try await makeConnection(to: origin, timeouts, deadline, waiter)
        connection.begin()
        return Lease(connection, from: self)
    }

    /// An idle connection; nil: there is none.
    func leaseIdle(_ origin: Origin, waiter: Waiter) -> Lease? {
        guard let group = group(of: origin) else { return nil }
        while let connection = group.idle.popLast() {
            // Nothing was read from it since `takeBack`. The input is asked for only here: in the middle of an exchange the event may fire once more
            // before its bytes are read.
            guard loop.roundStart - connection.idleSince < Self.idleTime else {
                connection.stream.close()
                continue
            }
            guard connection.stream.isOpen, !connection.stream.hasUnexpectedInput else {
                connection.stream.close()
                noteClosing(of: connection)
                continue
            }
            connection.stream.waiter = waiter
            connection.isReused = true
            connection.begin()
            return Lease(connection, from: self)
        }
        return nil
    }

    private func group(of origin: Origin) -> ConnectionGroup? {
        if let recent, recent.origin == origin { return recent }
        guard let group = groups[origin] else { return nil }
        recent = group
        return group
    }

    private func makeConnection(
        to origin: Origin, _ timeouts: Settings.Timeouts, _ deadline: ContinuousClock.Instant, _ waiter: Waiter
    ) async throws -> UpstreamConnection {
        let tls = tls
        let proxy = proxy.flatMap { $0.serves(origin) ? $0 : nil }
        var addresses = try await resolve(proxy?.origin ?? origin)
        // The addresses that are checked are those that are dialled: resolving again could give others. A proxy resolves the name itself.
        if origin.isPublicOnly, proxy == nil { addresses = try Self.publicAddresses(addresses, of: origin) }
        let (stream, address) = try await dial(addresses, timeouts, deadline, waiter)
        do {
            try await proxy?.tunnel(stream, to: origin, timeout: timeouts.tlsHandshake)
            try await stream.connectTLS(tls, name: origin.host, timeout: timeouts.tlsHandshake)
        } catch let error as HeadError {
            stream.close()
            throw TransportError(.refused, call: "CONNECT", reason: "the proxy's response is not HTTP: \(error.reason)")
        } catch let error as TransportError {
            stream.close()
            if error.kind != .cancelled { outliers.connectFailed(address, at: .now) }
            throw TransportError(error.kind, call: error.call, reason: "\(origin.host): \(error.reason)")
        }
        let group = group(of: origin) ?? ConnectionGroup(origin)
        group.addressCount = addresses.count
        if groups.count < Self.maxOrigins, groups[origin] == nil { groups[origin] = group }
        return UpstreamConnection(stream, to: address, in: group, tls: tls)
    }

    /// Connects to the first of the addresses that accepts.
    private func dial(
        _ addresses: [SocketAddress], _ timeouts: Settings.Timeouts, _ deadline: ContinuousClock.Instant, _ waiter: Waiter
    ) async throws -> (SocketStream, SocketAddress) {
        var failure = TransportError(.unresolved, call: "connect", reason: "no address to connect to")
        for (number, address) in outliers.ordered(addresses, at: .now).enumerated() where number == 0 || .now < deadline {
            do { return (try await dial(address, timeouts, deadline, waiter), address) } catch let error as TransportError {
                if error.kind == .cancelled || error.kind == .noDescriptor { throw error }
                outliers.connectFailed(address, at: .now)
                failure = error
            }
        }
        throw failure
    }

    private func dial(
        _ address: SocketAddress, _ timeouts: Settings.Timeouts, _ deadline: ContinuousClock.Instant, _ waiter: Waiter
    ) async throws -> SocketStream {
        while true {
            do {
                return try await Connector.connect(
                    to: [address], on: loop, waiter: waiter, timeout: timeouts.connect, deadline: deadline, tally: tally)
            } catch let error as TransportError where error.kind == .noDescriptor {
                // An exchange needs the descriptor more than an idle connection does.
                guard closeOldestIdle() else { throw error }
            }
        }
    }

    /// Closes the connection that has been idle for longest. false: none is idle.
    private func closeOldestIdle() -> Bool {
        let idle = groups.values.filter { !$0.idle.isEmpty }
        guard let group = idle.min(by: { $0.idle[0].idleSince < $1.idle[0].idleSince }) else { return false }
        group.idle.removeFirst().stream.close()
        return true
    }

    /// Keeps a connection after its exchange, or closes it when it cannot be used again. `Lease` calls it, and nobody else.
    func takeBack(_ connection: UpstreamConnection) {
        let group = connection.group
        guard connection.isReusable, connection.tls === tls, group.idle.count < Self.maxIdle, isKept(group) else {
            connection.stream.close()
            noteEnd(of: connection)
            return
        }
        if connection.isServerError {
            noteFailure(of: connection)
        } else if !outliers.isEmpty {
            outliers.succeeded(connection.address)
        }
        connection.idleSince = loop.roundStart
        connection.stream.waiter = connection.idleWaiter
        connection.stream.watchForClose()
        group.idle.append(connection)
    }

    // MARK: Addresses that fail

    /// A connection is closed after its exchange.
    private func noteEnd(of connection: UpstreamConnection) {
        if connection.hasFailed {
            if connection.isStale { noteClosing(of: connection) } else { noteFailure(of: connection) }
        } else if connection.isServerError {
            noteFailure(of: connection)
        } else if connection.isClosedByServer {
            noteClosing(of: connection)
        }
    }

    private func noteFailure(of connection: UpstreamConnection) {
        outliers.responseFailed(connection.address, at: loop.roundStart)
        retire(connection)
    }

    private func noteClosing(of connection: UpstreamConnection) {
        outliers.closed(connection.address, at: loop.roundStart)
        retire(connection)
    }

    /// Closes the idle connections to an address that is avoided, if the name has others.
    private func retire(_ connection: UpstreamConnection) {
        guard connection.group.addressCount > 1, outliers.isAvoided(connection.address, at: loop.roundStart) else { return }
        for group in groups.values { group.closeIdle { $0.address == connection.address } }
    }

    /// Past `maxOrigins`, an origin's connections are not kept.
    private func isKept(_ group: ConnectionGroup) -> Bool { group === recent || groups[group.origin] === group }

    /// Closes connections that have been idle for too long. The worker calls it every few seconds.
    func sweep() {
        let now = ContinuousClock.now
        for (origin, group) in groups {
            for connection in group.idle where !connection.stream.isOpen || connection.stream.hasUnexpectedInput {
                connection.stream.close()
                noteClosing(of: connection)
            }
            group.closeIdle { now - $0.idleSince >= Self.idleTime }
            if group.open == 0 { groups[origin] = nil }
        }
        recent = nil
        outliers.sweep(at: now)
        addresses = addresses.filter { now - $0.value.at < Self.addressTime }
    }

    /// Connections to an origin: idle, and with an exchange on them.
    func connections(to origin: Origin) -> (idle: Int, active: Int) {
        guard let group = groups[origin] else { return (0, 0) }
        return (group.idle.count, max(group.open - group.idle.count, 0))
    }

    private static func publicAddresses(_ addresses: [SocketAddress], of origin: Origin) throws -> [SocketAddress] {
        let open = addresses.filter(\.isPublic)
        guard open.isEmpty else { return open }
        let found = addresses.map(\.host).joined(separator: ", ")
        throw TransportError(
            .forbidden, call: "connect",
            reason: "\(origin.host) is at \(found), which is not public; the upstream's blob_hosts can name it all the same")
    }

    private func resolve(_ origin: Origin) async throws -> [SocketAddress] {
        if let known = addresses[origin], ContinuousClock.now - known.at < Self.addressTime { return known.found }
        let found = try await loop.resolver.resolve(origin.dialHost, port: origin.dialPort)
        if addresses.count < Self.maxOrigins { addresses[origin] = (found, ContinuousClock.now) }
        return found
    }
}
