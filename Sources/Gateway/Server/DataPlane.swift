import Access
package import Configuration
package import Logging
import Registry
package import Telemetry
package import Transport

/// The workers and their listeners, from start to drain.
package final class DataPlane: Sendable {
    /// Of each worker.
    package let metrics: [WorkerMetrics]
    /// The addresses listened on, with the ports that were picked where 0 was asked for; as numbered in the configuration.
    package let addresses: [SocketAddress]
    private let snapshot: Published<ConfigurationSnapshot>
    private let workers: [Worker]
    private let listeners: [Listener]

    private static let sweepInterval = Duration.seconds(5)

    /// - Throws: an address cannot be listened on.
    package init(
        settings: Settings, workers count: Int, snapshot first: ConfigurationSnapshot, outbound: OutboundSettings,
        accessLog: AccessLogSettings,
        log: Logger
    ) throws(TransportError) {
        let snapshot = Published(first)
        Self.logLowered(first.limits, from: settings.limits, log)
        let logins = Logins(failuresPerMinute: settings.limits.failedLoginsPerMinute)
        let limits = ConnectionLimits()
        var workers: [Worker] = []
        var metrics: [WorkerMetrics] = []
        var listeners: [Listener] = []
        var addresses: [SocketAddress] = []
        for number in 0..<count {
            let loop = EventLoop(isPreferred: true)
            let counters = WorkerMetrics(
                operations: RegistryOperation.allCases.map(\.rawValue), loginFailures: LoginFailure.allCases.map(\.rawValue))
            let upstreamBytes = ByteTally()
            let pool = UpstreamPool(loop: loop, outbound: outbound, tally: upstreamBytes)
            let services = WorkerServices(
                upstreams: WorkerUpstreams(worker: number, pool: pool), metrics: counters, snapshot: snapshot, logins: logins,
                accessLog: AccessLog(accessLog))
            let worker = Worker(loop: loop, services: services, limits: limits, upstreamBytes: upstreamBytes)
            for (index, listener) in settings.listeners.enumerated() {
                let wanted = number == 0 ? listener.address : addresses[index]
                let listening = try Self.listener(on: wanted, number: index, joins: number > 0, host: worker) { error in
                    log.error(
                        "connections cannot be accepted; raise LimitNOFILE or lower limits.connections",
                        metadata: ["reason": "\(error)"])
                }
                if number == 0 { addresses.append(listening.address) }
                listeners.append(listening)
            }
            workers.append(worker)
            metrics.append(counters)
        }
        (self.snapshot, self.workers, self.metrics, self.listeners, self.addresses) = (
            snapshot, workers, metrics, listeners, addresses
        )
    }

    private static func listener(
        on address: SocketAddress, number: Int, joins: Bool, host: Worker, exhausted: @escaping @Sendable (TransportError) -> Void
    ) throws(TransportError) -> Listener {
        do { return try Listener(on: address, number: number, joins: joins, host: host, exhausted: exhausted) } catch {
            throw TransportError(
                error.kind, call: error.call,
                reason: "listeners[\(number)].address: \(error.reason); use another address, or stop the program that uses it")
        }
    }

    private static func logLowered(_ limits: Settings.Limits, from configured: Settings.Limits, _ log: Logger) {
        guard limits.connections < configured.connections else { return }
        log.notice(
            "limits.connections is lowered: too few file descriptors; raise the hard limit (LimitNOFILE, ulimit -Hn)",
            metadata: [
                "descriptors": .stringConvertible(Descriptors.limit), "connections": .stringConvertible(limits.connections),
                "connections_per_client": .stringConvertible(limits.connectionsPerClient),
            ])
    }

    /// Starts each worker's thread, and with it its listeners.
    package func start() {
        for (number, worker) in workers.enumerated() {
            worker.loop.start(named: "worker-\(number)")
            Task { await worker.keepSweeping(every: Self.sweepInterval) }
        }
        // On Swift's own threads: it may take a while.
        Task.detached {
            var memory = FreedMemory()
            while true {
                try await Task.sleep(for: Self.sweepInterval)
                memory.giveBack()
            }
        }
    }

    /// Exchanges that begin from now on read the new configuration.
    package func publish(_ new: ConfigurationSnapshot) { snapshot.publish(new) }

    /// Bytes that all workers' connections have carried so far.
    package var traffic: TrafficFigures {
        workers.reduce(into: TrafficFigures()) { all, worker in
            all.receivedFromClient += worker.clientBytes.received
            all.sentToClient += worker.clientBytes.sent
            all.receivedUpstream += worker.upstreamBytes.received
            all.sentUpstream += worker.upstreamBytes.sent
        }
    }

    /// Accepts no new connection and no new exchange. Exchanges that have begun have `limit` to end.
    package func drain(within limit: Duration) async {
        for listener in listeners { listener.stop() }
        let abandoning = Task {
            try await Task.sleep(for: limit)
            await abandon()
        }
        await withTaskGroup(of: Void.self) { group in
            for worker in workers { group.addTask { await worker.drain() } }
        }
        abandoning.cancel()
    }

    /// Ends the exchanges that are under way.
    package func abandon() async {
        await withTaskGroup(of: Void.self) { group in
            for worker in workers { group.addTask { await worker.abandon() } }
        }
    }
}
