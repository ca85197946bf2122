import Registry
import AWS
import Admin
import Configuration
import Foundation
import Gateway
import Logging
import Telemetry
import Transport

/// Everything that is not on the data path: keepers of tokens, the site that workers read, the admin listener. On the control loop.
actor ControlPlane {
    nonisolated let loop: EventLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    private var plan: GatewayPlan
    private let reading: @Sendable () throws(ConfigurationProblems) -> Settings
    private var lastReload = ReloadFigures(lastSuccess: Date().timeIntervalSince1970)
    private var reloading: Task<[String], Never>?
    private(set) var isDraining = false
    private let log: Logger

    /// - Parameter reading: how the configuration is read at each reload.
    init(
        loop: EventLoop, plan: GatewayPlan, log: Logger, reading: @escaping @Sendable () throws(ConfigurationProblems) -> Settings
    ) {
        (self.loop, self.plan, self.log, self.reading) = (loop, plan, log, reading)
    }

    func start() async {
        await start(plan)
        Task { await keepLookingUp() }
    }

    /// `/readyz` tells of names, which may stop resolving while tokens are good.
    private func keepLookingUp() async {
        while !isDraining {
            for upstream in plan.site.upstreams { await upstream.lookUp(on: loop, by: plan.outbound) }
            await loop.sleep(for: Self.lookUpInterval)
        }
    }

    private static let lookUpInterval = Duration.seconds(5)

    private func start(_ plan: GatewayPlan) async {
        for keepers in plan.keepers.all { await keepers.token.start() }
        plan.warnOfEndedCertificates(log)
    }

    /// `/readyz` says so from now on, and nothing is reloaded any more.
    func beginDrain() { isDraining = true }

    var drainTime: Duration { plan.settings.timeouts.drain }

    // MARK: Reloading

    /// Takes up the whole configuration, or nothing of it. Empty: done. Otherwise every problem, and all is as it was.
    func reload(into dataPlane: DataPlane) async -> [String] {
        // One after another: each is compared with what the one before it left.
        let earlier = reloading
        let task = Task {
            _ = await earlier?.value
            return await reloadOnce(into: dataPlane)
        }
        reloading = task
        return await task.value
    }

    private func reloadOnce(into dataPlane: DataPlane) async -> [String] {
        let read = await Self.read(reading)
        do throws(ConfigurationProblems) {
            let next = try GatewayPlan(try settings(read), loop: loop, log: log, running: plan)
            // Its new keepers first: who meets the new routes finds tokens, or fetches under way. Those that only the old one has end with the
            // last exchange that holds them.
            await start(next)
            dataPlane.publish(next.site)
            let changes = next.settings.changes(since: plan.settings)
            plan = next
            lastReload = ReloadFigures(lastSuccess: Date().timeIntervalSince1970)
            plan.settings.logWarnings(log)
            log.notice("reloaded", metadata: ["changed": "\(changes.isEmpty ? "nothing" : changes)"])
            return []
        } catch {
            lastReload.wasSuccessful = false
            for line in error.lines {
                log.error("not reloaded: the configuration in use is the old one", metadata: ["problem": "\(line)"])
            }
            return error.lines
        }
    }

    /// Off the loop: files may lie on a disk that makes readers wait.
    @concurrent private static func read(
        _ reading: @Sendable () throws(ConfigurationProblems) -> Settings
    ) async -> Result<Settings, ConfigurationProblems> {
        Result { () throws(ConfigurationProblems) in try reading() }
    }

    /// What may be taken up while the process runs.
    private func settings(_ read: Result<Settings, ConfigurationProblems>) throws(ConfigurationProblems) -> Settings {
        guard !isDraining else { throw ConfigurationProblems(lines: ["the gateway drains; nothing is reloaded any more"]) }
        let settings = try read.get()
        let fixed = settings.keysTakingRestart(since: plan.settings)
        guard fixed.isEmpty else {
            throw ConfigurationProblems(lines: [
                "\(fixed.joined(separator: ", ")): changed, which takes a restart; restart berth to take up the whole file, or change back"
            ])
        }
        return settings
    }

    // MARK: What the admin listener asks

    nonisolated func adminSources(_ dataPlane: DataPlane) -> AdminSources {
        let metrics = MetricsText(workers: dataPlane.metrics, version: Berth.version)
        return AdminSources(
            version: Berth.version,
            isDraining: { [self] in await isDraining },
            upstreams: { [self] in await statuses() },
            metrics: { [self] in await render(metrics, dataPlane.traffic) },
            refresh: { [self] name in await refresh(name) },
            reload: { [self] in await reload(into: dataPlane) })
    }

    private func render(_ metrics: MetricsText, _ traffic: TrafficFigures) -> [UInt8] {
        let upstreams = plan.site.upstreams
        return metrics.render(
            tokens: upstreams.map(Self.figures), upstreams: upstreams.map(\.metrics), traffic: traffic, reload: lastReload)
    }

    private static func figures(_ upstream: Upstream) -> TokenFigures {
        let state = upstream.keeper.state.current
        return TokenFigures(
            upstream: upstream.name, expiry: state.expiresAt?.timeIntervalSince1970, refreshesSucceeded: state.refreshesSucceeded,
            refreshesFailed: state.refreshesFailed)
    }

    private func refresh(_ name: String) async -> Bool? {
        guard let upstream = plan.site.upstreams.first(where: { $0.name == name }) else { return nil }
        return await upstream.keeper.refresh(within: .seconds(20)) != nil
    }

    private func statuses() -> [UpstreamStatus] {
        plan.site.upstreams.map { upstream in
            let state = upstream.keeper.state.current
            let problem = upstream.problem(at: Date())
            let credentials = plan.keepers.all.first { $0.token === upstream.keeper }?.credentials
            return UpstreamStatus(
                name: upstream.name, registry: upstream.settings.registry.host, ready: problem == nil,
                credentials: credentials?.foundIn.current,
                tokenExpires: state.expiresAt.map { ISO8601DateFormatter().string(from: $0) }, problem: problem ?? state.lastError)
        }
    }
}
