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
    private var tasks = SpareTasks()
    private var isDraining = false
    /// While draining: connections get one more response each, which says that it is the last.
    private var isRetiring = false
    private var drained: [CheckedContinuation<Void, Never>] = []

    /// A connection, and what is known of it from its last exchange.
    private final class Accepted {
        let connection: ServerConnection
        /// The listener that accepted it, as it was then.
        let listener: ListenerPolicy
        let last = LastRequest()
        /// The listener as it was at the last exchange, and the configuration that says so.
        var policy: ListenerPolicy, snapshot: ConfigurationSnapshot?
        /// Of the last exchange.
        var downstream: Downstream?

        init(_ connection: ServerConnection, at listener: ListenerPolicy) {
            (self.connection, self.listener, policy) = (connection, listener, listener)
        }
    }

    init(loop: EventLoop, services: sending WorkerServices, limits: ConnectionLimits, upstreamBytes: ByteTally) {
        (self.loop, self.services, self.limits, self.upstreamBytes) = (loop, services, limits, upstreamBytes)
    }

    /// Serves a connection until it ends or is idle.
    package func serve(_ socket: AcceptedSocket) async {
        let snapshot = services.snapshot()
        // Listeners are removed when they accept no more, and their last connections are served.
        guard let listener = snapshot.listener(socket.listener) else { return socket.close() }
        let perClient = listener.trusts(socket.peer) ? nil : snapshot.limits.connectionsPerClient
        guard !isDraining || isRetiring, limits.admit(socket.peer, total: snapshot.limits.connections, perClient: perClient) else {
            return await turnAway(socket, at: listener)
        }
        let connection = ServerConnection(socket, on: loop, settings: snapshot.server, tally: clientBytes) {
            [services] error, connection in
            services.reject(error, from: connection.peer, on: connection.stream.loop)
        }
        if isRetiring { connection.retire() }
        let key = ObjectIdentifier(connection)
        connections[key] = Accepted(connection, at: listener)
        services.metrics.connections(add: 1)
        guard await secure(connection, listener.tls) else { return end(connection) }
        connection.resume = { self.resume(key) }
        if services.upstreams.tasks.spawn == nil {
            services.upstreams.tasks.spawn = { number in _ = Task(executorPreference: self.loop) { await self.runTask(number) } }
        }
        var record: ExchangeRecord?
        await converse(on: key, reusing: &record)
    }

    /// Goes on with an idle connection: in a task that waits for one, or in a new task.
    private func resume(_ key: ObjectIdentifier) {
        if !tasks.resume(with: key) { _ = Task(executorPreference: loop) { await self.serveIdle(from: key) } }
    }

    /// Serves one connection after the other, each until it ends or is idle again: as many of these tasks are kept as connections were active at the
    /// same time, however many there are.
    private func serveIdle(from first: ObjectIdentifier) async {
        var next: ObjectIdentifier? = first
        var record: ExchangeRecord?
        while let key = next {
            await converse(on: key, reusing: &record)
            next = isDraining ? nil : await withUnsafeContinuation { tasks.append($0) }
        }
    }

    private func runTask(_ number: Int) async { await services.upstreams.tasks.run(number) }

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

    /// Serves exchange after exchange, until the connection ends or is idle. An idle connection has no task.
    /// - Parameter record: of the task's last exchange.
    @inline(__always)
    private func converse(on key: ObjectIdentifier, reusing record: inout ExchangeRecord?) async {
        guard let accepted = connections[key] else { return }
        let connection = accepted.connection
        while true {
            let next = if let next = connection.tryNext() { next } else { await connection.finishNext() }
            switch next {
            case .request(let request):
                let latest = services.snapshot()
                if latest !== accepted.snapshot {
                    accepted.snapshot = latest
                    if let policy = latest.policy(continuing: accepted.listener) {
                        accepted.policy = policy
                    } else {
                        // A reload has ended the listener since the request came: it is the connection's last.
                        (accepted.policy, accepted.snapshot) = (accepted.listener, nil)
                        connection.drain()
                    }
                }
                let client = Downstream.of(request, at: accepted.policy, reusing: accepted.downstream)
                let begun = services.record(of: request, reusing: record)
                (record, accepted.downstream) = (begun, client)
                await Exchange(request, from: client, record: begun, on: services, latest, last: accepted.last).run()
            case .idle: return connection.park()
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
        for accepted in connections.values {
            // An idle connection must not keep the former configuration, nor a password that may count no more.
            accepted.snapshot = nil
            accepted.last.forgetLogin()
            guard accepted.connection.hasHadRequest else { continue }
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
        tasks.endAll()
    }

    /// Ends what runs without a connection: clients of other workers have read from its downloads until now.
    func endOwnTasks() { services.upstreams.tasks.abandon() }

    /// Closes upstream connections that have been idle for too long, ends tasks that nobody needs, and publishes levels, until the drain.
    func keepSweeping(every interval: Duration) async {
        while !isDraining {
            await loop.sleep(for: interval)
            services.sweep()
            tasks.endUnused()
        }
    }
}
