import Access
import Configuration
import Crypto
import HTTPServer
import Registry
import Telemetry
import Transport

/// The workers and their listeners, from start to drain.
public final class DataPlane: Sendable {
    public let metrics: [WorkerMetrics]
    /// The addresses listened on, with the ports that were picked where 0 was asked for; as numbered in the configuration.
    public let addresses: [SocketAddress]
    private let site: Published<Site>
    private let workers: [Worker]
    private let listeners: [Listener]

    private static let sweepInterval = Duration.seconds(5)

    /// - Throws: `TransportError` when an address cannot be listened on, `TLSError` when `ca_file` cannot be read.
    public init(settings: Settings, workers count: Int, site first: Site, upstreams: [Upstream], accessLog: AccessLogSettings)
        throws
    {
        let site = Published(first)
        let logins = Logins(failuresPerMinute: settings.limits.failedLoginsPerMinute)
        let tls = try TLSClient(authority: settings.caFile)
        let server = Self.serverSettings(settings)
        let limits = ConnectionLimits()
        let proxy = try OutboundProxy(environment: settings.environment)
        var workers: [Worker] = []
        var metrics: [WorkerMetrics] = []
        var listeners: [Listener] = []
        var addresses: [SocketAddress] = []
        for number in 0..<count {
            let loop = EventLoop(isPreferred: true)
            let counters = WorkerMetrics(
                operations: Operation.allCases.map(\.rawValue), upstreams: upstreams.map(\.name),
                replayReasons: ReplayReason.allCases.map(\.rawValue), loginFailures: LoginFailure.allCases.map(\.rawValue))
            let pool = UpstreamPool(
                loop: loop, tls: tls, proxy: proxy, connectTimeout: settings.timeouts.connect,
                handshakeTimeout: settings.timeouts.tlsHandshake)
            let bench = Bench(
                pool: pool, metrics: counters, site: site, upstreams: upstreams, logins: logins, accessLog: AccessLog(accessLog))
            let worker = Worker(loop: loop, bench: bench, limits: limits, settings: server)
            for (index, listener) in settings.listeners.enumerated() {
                let wanted = number == 0 ? try Self.address(listener.address) : addresses[index]
                let listening = try Listener(on: wanted, number: index, joins: number > 0, host: worker)
                if number == 0 { addresses.append(listening.address) }
                listeners.append(listening)
            }
            workers.append(worker)
            metrics.append(counters)
        }
        (self.site, self.workers, self.metrics, self.listeners, self.addresses) = (site, workers, metrics, listeners, addresses)
    }

    private static func address(_ wanted: Settings.Address) throws(TransportError) -> SocketAddress {
        guard let address = SocketAddress(host: wanted.host, port: wanted.port) else {
            throw TransportError(.unresolved, call: "listen", reason: "\(wanted) is not an address of this machine")
        }
        return address
    }

    private static func serverSettings(_ settings: Settings) -> ServerSettings {
        var server = ServerSettings()
        server.limits = .init(bytes: settings.limits.head, fields: settings.limits.headFields)
        server.headTimeout = settings.timeouts.head
        server.tlsHandshakeTimeout = settings.timeouts.tlsHandshake
        server.idleTimeout = settings.timeouts.idle
        server.stallTimeout = settings.timeouts.stall
        return server
    }

    public func start() {
        for (number, worker) in workers.enumerated() {
            worker.loop.start(named: "worker-\(number)")
            Task { await worker.keepSweeping(every: Self.sweepInterval) }
        }
    }

    /// Exchanges that begin from now on see the new site.
    public func publish(_ new: Site) { site.publish(new) }

    /// No new connection and no new exchange; those under way have `limit` to end.
    public func drain(within limit: Duration) async {
        for listener in listeners { listener.stop() }
        let abandoning = Task { [workers] in
            try await Task.sleep(for: limit)
            await withTaskGroup(of: Void.self) { group in
                for worker in workers { group.addTask { await worker.abandon() } }
            }
        }
        await withTaskGroup(of: Void.self) { group in
            for worker in workers { group.addTask { await worker.drain() } }
        }
        abandoning.cancel()
    }
}
