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
    /// Who used what.
    package let usage = Usage()
    /// What failed lately.
    package let errors: RecentErrors
    private let workerTransfers: [WorkerTransfers]
    private let snapshot: Published<ConfigurationSnapshot>
    private let workers: [Worker]
    private let listeners: ListenerTable
    private let logins: Logins
    private let log: Logger

    private static let sweepInterval = Duration.seconds(5)

    /// - Parameters:
    ///   - settings: what the snapshot was made of.
    ///   - inherited: sockets that are taken instead of binding their addresses.
    /// - Throws: an address cannot be listened on.
    package init(
        settings: Settings, workers count: Int, snapshot first: ConfigurationSnapshot, outbound: OutboundSettings,
        accessLog: LogSink, errors: RecentErrors, log: Logger, inherited: InheritedSockets
    ) throws(TransportError) {
        let snapshot = Published(first)
        let logins = Logins(failuresPerMinute: settings.limits.failedLoginsPerMinute)
        let limits = ConnectionLimits()
        var workers: [Worker] = []
        var metrics: [WorkerMetrics] = []
        var transfers: [WorkerTransfers] = []
        for number in 0..<count {
            let loop = EventLoop(isPreferred: true)
            let counters = WorkerMetrics(
                operations: RegistryOperation.allCases.map { "\($0.label)" }, loginFailures: LoginFailure.allCases.map(\.rawValue),
                cacheResults: CacheResult.allCases.map { "\($0.label)" })
            let upstreamBytes = ByteTally()
            let pool = UpstreamPool(loop: loop, outbound: outbound, tally: upstreamBytes)
            let ownTransfers = WorkerTransfers()
            let services = WorkerServices(
                upstreams: WorkerUpstreams(worker: number, pool: pool, transfers: ownTransfers), metrics: counters, usage: usage,
                snapshot: snapshot, logins: logins, accessLog: AccessLog(accessLog, errors: errors))
            let worker = Worker(loop: loop, services: services, limits: limits, upstreamBytes: upstreamBytes)
            workers.append(worker)
            metrics.append(counters)
            transfers.append(ownTransfers)
        }
        listeners = ListenerTable(workers) { error in
            log.error(
                "connections cannot be accepted; raise LimitNOFILE or lower limits.connections", metadata: ["reason": "\(error)"])
        }
        (self.snapshot, self.workers, self.metrics, self.logins, self.log) = (snapshot, workers, metrics, logins, log)
        (self.errors, workerTransfers) = (errors, transfers)
        let bound = try listeners.bind(first, leaving: [], settings: settings, inherited: inherited)
        try bound.listen()
        listeners.add(bound)
        logLowered(first.limits, from: settings.limits)
    }

    private func logLowered(_ limits: Settings.Limits, from configured: Settings.Limits) {
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
        listeners.accept()
        // On Swift's own threads: it may take a while.
        Task.detached {
            var memory = FreedMemory()
            while true {
                try await Task.sleep(for: Self.sweepInterval)
                memory.giveBack()
            }
        }
    }

    // MARK: Reloading

    /// The addresses that a configuration lacks, and which `change` will free.
    package func leaving(for next: ConfigurationSnapshot) -> [SocketAddress] { listeners.leaving(for: next) }

    /// Binds the addresses that are new in a configuration, for `change`. Nothing has changed by it, also if it throws.
    /// - Parameters:
    ///   - leaving: addresses of this process that are about to become free, besides those that the configuration lacks.
    ///   - settings: what the snapshot was made of.
    package func bind(_ next: ConfigurationSnapshot, leaving: [SocketAddress], settings: Settings) throws(TransportError)
        -> BoundListeners
    {
        try listeners.bind(next, leaving: leaving, settings: settings)
    }

    /// Goes on with another configuration: exchanges that begin from now on read it. Returns when all workers have it.
    /// - Parameters:
    ///   - bound: from `bind`, listening.
    ///   - settings: what the snapshot was made of.
    package func change(
        to next: ConfigurationSnapshot, _ bound: BoundListeners, outbound: OutboundSettings, settings: Settings
    ) async {
        // Listeners that end accept their last connections before the workers lose sight of them, and new ones accept after the workers know them.
        await listeners.remove(allBut: next)
        listeners.add(bound)
        if next.limits != snapshot.current.limits { logLowered(next.limits, from: settings.limits) }
        logins.limit(failuresPerMinute: settings.limits.failedLoginsPerMinute)
        for upstream in next.upstreams.flatMap(\.registries) { upstream.shield.use(upstream.settings.limits) }
        snapshot.publish(next)
        listeners.accept()
        await withTaskGroup(of: Void.self) { group in
            for worker in workers { group.addTask { await worker.adopt(next, outbound) } }
        }
    }

    /// The addresses listened on, with the ports that were picked where 0 was asked for; in the configuration's order.
    package var addresses: [SocketAddress] {
        snapshot.current.listeners.map { listeners.address(of: $0.number) ?? $0.settings.address }
    }

    /// The loop of each worker.
    package var loops: [EventLoop] { workers.map(\.loop) }

    /// All sockets that are listened on, for the next process; in the configuration's order.
    package var sockets: [HandedSocket] {
        snapshot.current.listeners.flatMap { policy in
            listeners.sockets(of: policy.number).map { HandedSocket(configured: policy.settings.address, socket: $0) }
        }
    }

    /// Bytes that all workers' connections have carried so far.
    package var traffic: TrafficFigures {
        workers.reduce(into: TrafficFigures()) { all, worker in
            all.receivedFromClient += worker.clientBytes.received
            all.sentToClient += worker.clientBytes.sent
            all.receivedUpstream += worker.upstreamBytes.received
            all.sentUpstream += worker.upstreamBytes.sent
        }
    }

    /// Large bodies on their way, the oldest first.
    package var transfers: [TransferFigures] { workerTransfers.flatMap(\.current).sorted { $0.started < $1.started } }

    /// Accepts no new connection. Exchanges that have begun have `limit` to end.
    /// - Parameter grace: how long clients may begin a last exchange on the connections that they have; zero: no new exchange begins.
    package func drain(within limit: Duration, grace: Duration = .zero) async {
        listeners.close()
        let abandoning = Task {
            try await Task.sleep(for: limit)
            await abandon()
        }
        await withTaskGroup(of: Void.self) { group in
            for worker in workers { group.addTask { await worker.drain(grace: grace) } }
        }
        abandoning.cancel()
        for worker in workers { await worker.endOwnTasks() }
    }

    /// Ends the exchanges that are under way.
    package func abandon() async {
        await withTaskGroup(of: Void.self) { group in
            for worker in workers { group.addTask { await worker.abandon() } }
        }
    }
}
