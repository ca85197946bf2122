import AWS
import Admin
import Configuration
import Foundation
import Gateway
import Logging
import Registry
import Telemetry
import Transport

/// Everything outside the data path, on the control loop: tokens, reloads, and what the admin listener serves.
actor ControlPlane {
    nonisolated let loop: EventLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    private var plan: GatewayPlan
    private let reading: @Sendable () throws(ConfigurationProblems) -> Settings
    private var lastReload = ReloadFigures(lastSuccess: Date().timeIntervalSince1970)
    private var reloading: Task<[String], Never>?
    private(set) var isDraining = false
    private let log: Logger

    /// - Parameter reading: reads the configuration, at each reload.
    init(
        loop: EventLoop, plan: GatewayPlan, log: Logger, reading: @escaping @Sendable () throws(ConfigurationProblems) -> Settings
    ) {
        (self.loop, self.plan, self.log, self.reading) = (loop, plan, log, reading)
    }

    func start() async {
        await start(plan)
        Task { await keepLookingUp() }
    }

    /// For `/readyz`: a name may stop resolving while the token is still valid.
    private func keepLookingUp() async {
        while !isDraining {
            for upstream in plan.snapshot.upstreams { await upstream.lookUp(on: loop, by: plan.outbound) }
            await loop.sleep(for: Self.lookUpInterval)
        }
    }

    private static let lookUpInterval = Duration.seconds(5)

    private func start(_ plan: GatewayPlan) async {
        for keepers in plan.keepers.all { await keepers.token.start() }
        plan.warnOfExpiredCertificates(log)
    }

    /// From now on `/readyz` reports the drain, and reloads are rejected.
    func beginDrain() { isDraining = true }

    var drainTime: Duration { plan.settings.timeouts.drain }

    // MARK: Reloading

    /// Reads the configuration and applies all of it, or nothing.
    /// - Returns: the problems, if nothing was applied; empty: it was applied.
    func reload(into dataPlane: DataPlane) async -> [String] {
        // One after another, since each is compared with the configuration that the one before it left.
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
            // Start the new token keepers first, so that requests to new upstreams find tokens, or fetches in progress. Keepers that only the old
            // plan has are released with the last exchange that uses them.
            await start(next)
            dataPlane.publish(next.snapshot)
            let changes = SettingsChanges(from: plan.settings, to: next.settings).summary
            plan = next
            lastReload = ReloadFigures(lastSuccess: Date().timeIntervalSince1970)
            plan.settings.logWarnings(log)
            log.notice("reloaded", metadata: ["changed": "\(changes.isEmpty ? "nothing" : changes)"])
            return []
        } catch {
            lastReload.wasSuccessful = false
            for line in error.lines {
                log.error("not reloaded: the old configuration stays in use", metadata: ["problem": "\(line)"])
            }
            return error.lines
        }
    }

    /// Not on the loop, since a slow disk would block it.
    @concurrent private static func read(
        _ reading: @Sendable () throws(ConfigurationProblems) -> Settings
    ) async -> Result<Settings, ConfigurationProblems> {
        Result { () throws(ConfigurationProblems) in try reading() }
    }

    /// The configuration, if all its changes can be made in a running process.
    private func settings(_ read: Result<Settings, ConfigurationProblems>) throws(ConfigurationProblems) -> Settings {
        guard !isDraining else { throw ConfigurationProblems(lines: ["the gateway is draining; it reloads nothing more"]) }
        let settings = try read.get()
        let fixed = SettingsChanges(from: plan.settings, to: settings).keysTakingRestart
        guard fixed.isEmpty else {
            throw ConfigurationProblems(lines: [
                "\(fixed.joined(separator: ", ")): changed, which takes a restart; restart berth to apply the whole file, or undo the change"
            ])
        }
        return settings
    }

    // MARK: For the admin listener

    nonisolated func adminSources(_ dataPlane: DataPlane) -> AdminSources {
        let metrics = MetricsText(workers: dataPlane.metrics, version: ProgramVersion.text)
        return AdminSources(
            version: ProgramVersion.text,
            isDraining: { [self] in await isDraining },
            upstreams: { [self] in await statuses() },
            metrics: { [self] in await render(metrics, dataPlane.traffic) },
            refresh: { [self] name in await refresh(name) },
            reload: { [self] in await reload(into: dataPlane) })
    }

    private func render(_ metrics: MetricsText, _ traffic: TrafficFigures) -> [UInt8] {
        let upstreams = plan.snapshot.upstreams
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
        guard let upstream = plan.snapshot.upstreams.first(where: { $0.name == name }) else { return nil }
        return await upstream.keeper.refresh(within: .seconds(20)) != nil
    }

    private func statuses() -> [UpstreamStatus] {
        plan.snapshot.upstreams.map { upstream in
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
