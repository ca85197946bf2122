import Configuration
import Registry
import Crypto
import HTTP
import HTTPServer
import Telemetry
package import Transport

/// One loop of the data plane: its listeners, its connections and its pool of upstream connections. A connection lives and dies
/// on the worker that accepted it; workers share nothing but the site, the tokens and the verifier of passwords.
package actor Worker: ConnectionHost {
    package nonisolated let loop: EventLoop
    package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    nonisolated let clientBytes = ByteTally(), upstreamBytes: ByteTally
    private let bench: Bench
    private let limits: ConnectionLimits
    private var connections: [ObjectIdentifier: ServerConnection] = [:]
    private var isDraining = false
    private var drained: [CheckedContinuation<Void, Never>] = []

    init(loop: EventLoop, bench: sending Bench, limits: ConnectionLimits, upstreamBytes: ByteTally) {
        (self.loop, self.bench, self.limits, self.upstreamBytes) = (loop, bench, limits, upstreamBytes)
    }

    package func serve(_ socket: AcceptedSocket) async {
        let site = bench.site()
        let door = site.doors[socket.listener]
        let perClient = door.trusts(socket.peer) ? nil : site.limits.connectionsPerClient
        guard !isDraining, limits.admit(socket.peer, total: site.limits.connections, perClient: perClient) else {
            return await turnAway(socket)
        }
        loop.keepTimeouts(of: site.server.timeouts)
        let connection = ServerConnection(socket, on: loop, settings: site.server, tally: clientBytes) {
            [bench] error, connection in
            bench.reject(error, from: connection.peer, on: connection.stream.loop)
        }
        let key = ObjectIdentifier(connection)
        connections[key] = connection
        bench.metrics.connections(add: 1)
        if await secure(connection, door.tls) {
            await converse(on: key, listener: socket.listener)
        } else {
            end(connection)
        }
    }

    private func secure(_ connection: ServerConnection, _ tls: TLSServer?) async -> Bool {
        do {
            try await connection.secure(tls)
            return true
        } catch {
            if (error as? TransportError)?.kind == .notTLS {
                await connection.stream.close(saying: bench.reject(Self.notTLS, end: "malformed", from: connection.peer, on: loop))
            } else {
                bench.handshakeFailed(error, from: connection.peer)
            }
            connection.stream.close()
            return false
        }
    }

    /// Exchange after exchange. While a connection is idle it has no task: another one goes on with it.
    private func converse(on key: ObjectIdentifier, listener: Int) async {
        guard let connection = connections[key] else { return }
        while true {
            switch await connection.next() {
            case .request(let request): await Exchange(request, on: bench, listener: listener).run()
            case .idle:
                return connection.park {
                    _ = Task(executorPreference: self.loop) { await self.converse(on: key, listener: listener) }
                }
            case .end: return end(connection)
            }
        }
    }

    private func end(_ connection: ServerConnection) {
        bench.metrics.connections(add: -1)
        connections[ObjectIdentifier(connection)] = nil
        limits.leave(connection.peer)
        if isDraining, connections.isEmpty { finishDrain() }
    }

    /// Past the bounds a client is told so, on a plain listener; inside TLS the handshake alone would cost what is being saved.
    private func turnAway(_ socket: AcceptedSocket) async {
        bench.metrics.turnedAway()
        let stream = SocketStream(socket.descriptor, on: loop, tally: clientBytes)
        // Telling takes a moment, and a descriptor: not for a flood.
        if bench.site().doors[socket.listener].tls == nil, limits.beginTurningAway() {
            await stream.close(saying: bench.reject(Self.busy, end: "turned_away", from: socket.peer, on: loop))
            limits.endTurningAway()
        } else {
            bench.turnedAway(socket.peer, Self.busy)
        }
        stream.close()
    }

    private static let busy = Refusal(
        .tooManyRequests, "Too many connections to this gateway; try again later.", status: 503, retryAfter: 5)
    /// docker falls back to plain HTTP when a login is missing, and would else say "EOF".
    private static let notTLS = Refusal(
        .unsupported, "This port speaks TLS: use https://, and trust the gateway's certificate.", status: 400)

    /// Idle connections end now, the others after their exchange. Returns when none is left.
    package func drain() async {
        isDraining = true
        for connection in connections.values { connection.drain() }
        await withCheckedContinuation { continuation in
            // Asked here: this task does not prefer the loop, so the last connection may end while this call is on its way.
            drained.append(continuation)
            if connections.isEmpty { finishDrain() }
        }
    }

    /// Ends what the drain's time did not suffice for; what then still waits for something else than a socket is left behind.
    package func abandon() async {
        for connection in connections.values { connection.abandon() }
        await loop.sleep(for: Self.lastWords)
        finishDrain()
    }

    /// For the access lines of what was ended.
    private static let lastWords = Duration.seconds(1)

    private func finishDrain() {
        bench.writeRepeatedRejections(atEnd: true)
        for waiting in drained { waiting.resume() }
        drained = []
    }

    /// Now and then: closes what has lain idle too long upstream, and publishes counters that are levels. Until the drain.
    func keepSweeping(every interval: Duration) async {
        while !isDraining {
            await loop.sleep(for: interval)
            bench.sweep()
            bench.writeRepeatedRejections()
        }
    }
}
