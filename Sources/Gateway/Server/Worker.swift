import Configuration
import Crypto
import HTTP
import HTTPServer
import Registry
import Telemetry
package import Transport

/// One loop of the data plane: its listeners, its connections and its pool of upstream connections. A connection lives and dies
/// on the worker that accepted it; workers share only the configuration, the tokens, the verified logins and the limits.
package actor Worker: ConnectionHost {
    package nonisolated let loop: EventLoop
    package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    nonisolated let clientBytes = ByteTally(), upstreamBytes: ByteTally
    private let services: WorkerServices
    private let limits: ConnectionLimits
    private var connections: [ObjectIdentifier: Accepted] = [:]
    private var isDraining = false
    /// While draining: connections get one more response each, which says that it is the last.
    private var isRetiring = false
    private var drained: [CheckedContinuation<Void, Never>] = []

    /// A connection and the listener that accepted it, as it was then.
    private struct Accepted {
        let connection: ServerConnection
        let listener: ListenerPolicy
        let last = LastRequest()
    }

    init(loop: EventLoop, services: sending WorkerServices, limits: ConnectionLimits, upstreamBytes: ByteTally) {
        (self.loop, self.services, self.limits, self.upstreamBytes) = (loop, services, limits, upstreamBytes)
    }

    /// Serves a connection until it ends or is idle; when an idle one goes on, a new task continues with it.
    package func serve(_ socket: AcceptedSocket) async {
        let snapshot = services.snapshot()
        // Listeners are removed when they accept no more, and their last connections are served.
        guard let listener = snapshot.listener(socket.listener) else { return socket.close() }
        let perClient = listener.trusts(socket.peer) ? nil : snapshot.limits.connectionsPerClient
        guard !isDraining || isRetiring, limits.admit(socket.peer, total: snapshot.limits.connections, perClient: perClient) else {
            return await turnAway(socket, at: listener)
        }
        loop.keepTimeouts(of: snapshot.server.timeouts)
        let connection = ServerConnection(socket, on: loop, settings: snapshot.server, tally: clientBytes) {
            [services] error, connection in
            services.reject(error, from: connection.peer, on: connection.stream.loop)
        }
        let key = ObjectIdentifier(connection)
        connections[key] = Accepted(connection: connection, listener: listener)
        services.metrics.connections(add: 1)
        if await secure(connection, listener.tls) {
            await converse(on: key)
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
                await connection.stream.close(
                    afterWriting: services.reject(Self.tlsRequired, end: "malformed", from: connection.peer, on: loop))
            } else {
                services.logHandshakeFailure(error, from: connection.peer)
            }
            connection.stream.close()
            return false
        }
    }

    /// Serves exchange after exchange. An idle connection has no task: a new one continues with it.
    private func converse(on key: ObjectIdentifier) async {
        guard let accepted = connections[key] else { return }
        let connection = accepted.connection
        var listener = accepted.listener
        var snapshot: ConfigurationSnapshot?
        // Of the connection's last exchange, for the next.
        var record: ExchangeRecord?, downstream: Downstream?
        while true {
            switch await connection.next() {
            case .request(let request):
                let latest = services.snapshot()
                if latest !== snapshot {
                    snapshot = latest
                    if let policy = latest.policy(continuing: accepted.listener) {
                        listener = policy
                    } else {
                        // A reload has ended the listener since the request came: it is the connection's last.
                        (listener, snapshot) = (accepted.listener, nil)
                        connection.drain()
                    }
                }
                let client = Downstream.of(request, at: listener, reusing: downstream)
                let begun = services.record(of: request, reusing: record)
                (record, downstream) = (begun, client)
                await Exchange(request, from: client, record: begun, on: services, latest, last: accepted.last).run()
            case .idle:
                return connection.park {
                    _ = Task(executorPreference: self.loop) { await self.converse(on: key) }
                }
            case .end: return end(connection)
            }
        }
    }

    private func end(_ connection: ServerConnection) {
        services.metrics.connections(add: -1)
        connections[ObjectIdentifier(connection)] = nil
        limits.leave(connection.peer)
        if isDraining, connections.isEmpty { finishDrain() }
    }

    /// Past the bounds a client of a plain listener gets a response; with TLS the handshake alone would cost what is being saved.
    private func turnAway(_ socket: AcceptedSocket, at listener: ListenerPolicy) async {
        services.metrics.turnedAway()
        let stream = SocketStream(socket.descriptor, on: loop, tally: clientBytes)
        // A response takes a moment and a descriptor, so a flood gets none.
        if listener.tls == nil, limits.beginRejection() {
            await stream.close(afterWriting: services.reject(Self.busy, end: "turned_away", from: socket.peer, on: loop))
            limits.endRejection()
        } else {
            services.logTurnedAway(socket.peer, Self.busy)
        }
        stream.close()
    }

    private static let busy = ErrorResponse(
        .tooManyRequests, "Too many connections to this gateway; try again later.", status: 503, retryAfter: 5)
    /// docker falls back to plain HTTP when a login is missing, and would otherwise report "EOF".
    private static let tlsRequired = ErrorResponse(
        .unsupported,
        "This port speaks TLS: use https://, and trust the gateway's certificate. If docker says this, log in first: docker login.",
        status: 400)

    /// Goes on with a new configuration, which has been published. Connections that it would not have accepted in this way end: idle ones now, the
    /// others after their exchange, and new ones after their first.
    func adopt(_ snapshot: ConfigurationSnapshot, _ outbound: OutboundSettings) {
        services.upstreams.pool.use(outbound)
        for accepted in connections.values where accepted.connection.hasHadRequest {
            if snapshot.policy(continuing: accepted.listener) == nil { accepted.connection.drain() }
        }
    }

    /// Ends idle connections after `grace`, and the others after their next exchange. Returns when none is left.
    /// - Parameter grace: for clients that have a request on its way; zero: connections end after their present exchange.
    package func drain(grace: Duration) async {
        isDraining = true
        if grace > .zero {
            isRetiring = true
            for accepted in connections.values { accepted.connection.retire() }
            loop.after(grace) { self.assumeIsolated { $0.endIdle() } }
        } else {
            endIdle()
        }
        await withCheckedContinuation { continuation in
            // Checked here: this task does not prefer the loop, so the last connection may end before it gets here.
            drained.append(continuation)
            if connections.isEmpty { finishDrain() }
        }
    }

    private func endIdle() {
        isRetiring = false
        for accepted in connections.values { accepted.connection.drain() }
    }

    /// Ends the exchanges that are left when the drain's time is over. One that waits for something else than a socket is left behind.
    package func abandon() async {
        for accepted in connections.values { accepted.connection.abandon() }
        await loop.sleep(for: Self.abandonGrace)
        finishDrain()
    }

    /// For the access lines of the exchanges that were ended.
    private static let abandonGrace = Duration.seconds(1)

    private func finishDrain() {
        services.writeRepeatedRejections(all: true)
        for waiting in drained { waiting.resume() }
        drained = []
    }

    /// Closes connections that have been idle for too long and publishes levels, until the drain.
    func keepSweeping(every interval: Duration) async {
        while !isDraining {
            await loop.sleep(for: interval)
            services.sweep()
        }
    }
}
