import AWS
import Configuration
import FoundationEssentials
import Gateway
import Logging
import Telemetry
import Transport

/// Everything outside the data path, on the control loop: tokens and reloads.
actor ControlPlane {
    nonisolated let loop: EventLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    /// The configuration in use.
    private(set) var plan: GatewayPlan
    private let reading: @Sendable () throws(ConfigurationProblems) -> Settings
    /// nil: none was asked for yet.
    private(set) var lastReload: ReloadOutcome?
    private var lastSuccess = Date()
    /// What reloads change; nil before `start`.
    private var gateway: (dataPlane: DataPlane, admin: AdminListener)?
    private var reloading: Task<ReloadOutcome, Never>?
    /// The configuration file was rejected the last time.
    private var isRejected = false
    private var watch: FileWatch
    private(set) var isDraining = false
    private let processLog: ProcessLog
    private let service: ServiceStatus
    private let log: Logger

    /// - Parameter reading: reads the configuration, at each reload.
    init(
        loop: EventLoop, plan: GatewayPlan, log: ProcessLog, service: ServiceStatus,
        reading: @escaping @Sendable () throws(ConfigurationProblems) -> Settings
    ) {
        (self.loop, self.plan, self.reading, self.service) = (loop, plan, reading, service)
        (processLog, self.log) = (log, log.logger)
        watch = FileWatch(plan.settings.files)
    }

    func start(_ dataPlane: DataPlane, _ admin: AdminListener) async {
        gateway = (dataPlane, admin)
        await start(plan)
        Task { await keepLookingUp() }
        Task { await keepWatching() }
    }

    /// For `/readyz`: a name may stop resolving while the token is still valid.
    private func keepLookingUp() async {
        while !isDraining {
            for registry in plan.snapshot.upstreams.flatMap(\.registries) { await registry.lookUp(on: loop, by: plan.outbound) }
            await loop.sleep(for: Self.lookUpInterval)
        }
    }

    private static let lookUpInterval = Duration.seconds(5)

    private func start(_ plan: GatewayPlan) async {
        for keepers in plan.keepers.all { await keepers.token.start() }
        plan.warnOfExpiredCertificates(log)
    }

    /// From now on `/readyz` reports the drain, and reloads are rejected. The cache's directory is left to the next process, which may run already.
    func beginDrain() {
        isDraining = true
        plan.cache?.stop()
    }

    /// Waits until the cache has written down what it knows, a short time at most.
    func endCache() async { await plan.cache?.end() }

    var drainTime: Duration { plan.settings.timeouts.drain }

    // MARK: The log's level

    var logLevel: Logger.Level { processLog.sink.level }

    /// Counts at once, until a reload that changes `log.level`, or the end of the process.
    func setLogLevel(_ level: Logger.Level) {
        // Logged while the lower of both levels counts, so that the line is not lost.
        if level <= processLog.sink.level { processLog.sink.level = level }
        log.notice("log level set", metadata: ["level": "\(level)"])
        processLog.sink.level = level
    }

    // MARK: Reloading

    var reloadFigures: ReloadFigures {
        var figures = ReloadFigures(lastSuccess: lastSuccess.timeIntervalSince1970)
        figures.wasSuccessful = !isRejected && !watch.isFailing && !watch.isWaiting
        return figures
    }

    /// Reads the configuration and applies all of it, or nothing.
    /// - Parameter cause: for a file, the configuration in use is applied again with what its files hold now.
    func reload(because cause: ReloadOutcome.Cause) async -> ReloadOutcome {
        // One after another, since each is compared with the configuration that the one before it left.
        let earlier = reloading
        let task = Task {
            _ = await earlier?.value
            if cause != .file { await service.reloading() }
            let outcome = await reloadOnce(because: cause)
            if cause != .file { await service.reloaded(outcome, gateway?.dataPlane.addresses ?? []) }
            return outcome
        }
        reloading = task
        return await task.value
    }

    private func reloadOnce(because cause: ReloadOutcome.Cause) async -> ReloadOutcome {
        let running = plan.settings
        let read =
            await cause == .file
            ? Self.read { () throws(ConfigurationProblems) in try SettingsFile.reread(running) } : Self.read(reading)
        var outcome = ReloadOutcome(at: Date(), cause: cause)
        do throws(ConfigurationProblems) {
            guard !isDraining, let (dataPlane, admin) = gateway else {
                throw ConfigurationProblems(lines: ["the gateway is draining; it reloads nothing more"])
            }
            let settings = try read.get()
            let changes = SettingsChanges(from: running, to: settings)
            guard changes.problems.isEmpty else { throw ConfigurationProblems(lines: changes.problems) }
            outcome.changes = changes.summary
            if cause != .file || !outcome.changes.isEmpty {
                let cache = GatewayCache.of(settings.cache, running: plan.cache, log: log)
                let next = try GatewayPlan(settings, loop: loop, log: log, running: plan, cache: cache)
                let sockets = try bind(next, dataPlane, admin)
                await apply(next, sockets, dataPlane, admin)
                succeed(outcome)
            }
            if watch.isFailing {
                log.notice("the files of the configuration can be used again")
                lastReload = outcome
            }
            watch = FileWatch(settings.files)
            if cause == .file, isRejected, await isOnDisk(settings) { (isRejected, lastReload) = (false, outcome) }
        } catch {
            outcome.changes = ""
            outcome.problems = error.lines
            switch cause {
            case .signal, .api:
                isRejected = true
                reject(outcome)
            case .file: watch.failed(error.lines, now: .now)  // which tells when it lasts
            }
        }
        return outcome
    }

    /// Whether the configuration file, which was rejected, is what is in use now: only a file that it names was wrong, and has been mended.
    private func isOnDisk(_ settings: Settings) async -> Bool {
        guard let onDisk = try? await Self.read(reading).get() else { return false }
        let changes = SettingsChanges(from: settings, to: onDisk)
        return changes.summary.isEmpty && changes.problems.isEmpty
    }

    /// Not on the loop, since a slow disk would block it.
    @concurrent private static func read(
        _ reading: @Sendable () throws(ConfigurationProblems) -> Settings
    ) async -> Result<Settings, ConfigurationProblems> {
        Result { () throws(ConfigurationProblems) in try reading() }
    }

    /// Binds all new addresses before any is listened on, so that a failure has taken no connection.
    private func bind(_ next: GatewayPlan, _ dataPlane: DataPlane, _ admin: AdminListener) throws(ConfigurationProblems)
        -> (data: BoundListeners, admin: ListeningSocket?)
    {
        let isMoving = next.settings.admin != plan.settings.admin
        do throws(TransportError) {
            let data = try dataPlane.bind(next.snapshot, leaving: isMoving ? [admin.address] : [], settings: next.settings)
            let moved = isMoving ? try AdminListener.bind(next.settings, leaving: dataPlane.leaving(for: next.snapshot)) : nil
            try data.listen()
            try moved?.listen()
            return (data, moved)
        } catch {
            throw ConfigurationProblems(lines: [error.reason])
        }
    }

    /// Nothing in here fails.
    private func apply(
        _ next: GatewayPlan, _ sockets: (data: BoundListeners, admin: ListeningSocket?), _ dataPlane: DataPlane,
        _ admin: AdminListener
    ) async {
        // Start the new token keepers first, so that requests to new upstreams find tokens, or fetches in progress. Keepers that only the old
        // plan has are released with the last exchange that uses them.
        await start(next)
        let before = ListeningAddress.all(of: plan, dataPlane, admin)
        await dataPlane.change(to: next.snapshot, sockets.data, outbound: next.outbound, settings: next.settings)
        if let socket = sockets.admin { await admin.move(to: socket) }
        next.cache?.apply(next.settings.cache)
        if plan.cache?.store !== next.cache?.store { plan.cache?.stop() }
        processLog.change(from: plan.settings.log, to: next.settings.log)
        plan = next
        for address in ListeningAddress.all(of: plan, dataPlane, admin) where !before.contains(address) { address.write(to: log) }
    }

    private func succeed(_ outcome: ReloadOutcome) {
        (lastReload, lastSuccess) = (outcome, outcome.at)
        if outcome.cause != .file {
            isRejected = false
            plan.settings.logWarnings(log)
        }
        log.notice(
            "reloaded",
            metadata: ["changed": "\(outcome.changes.isEmpty ? "nothing" : outcome.changes)", "cause": "\(outcome.cause.rawValue)"])
    }

    private func reject(_ outcome: ReloadOutcome) {
        lastReload = outcome
        for line in outcome.problems {
            log.error(
                "not reloaded: the old configuration stays in use",
                metadata: ["problem": "\(line)", "cause": "\(outcome.cause.rawValue)"])
        }
    }

    /// Where the admin listener listens.
    var adminAddress: SocketAddress { gateway?.admin.address ?? plan.settings.admin }

    // MARK: Files

    /// Applies changes of the files that the configuration names: renewed certificates, passwords, policies. Looks at their metadata only, which
    /// costs microseconds; inotify would tell nothing of network file systems.
    private func keepWatching() async {
        while !isDraining {
            await loop.sleep(for: Self.watchInterval)
            let found = await Self.fingerprints(of: watch.paths)
            for event in watch.look(found, now: .now) {
                switch event {
                case .changed: _ = await reload(because: .file)
                case .gone(let file):
                    log.warning(
                        "a file of the configuration is gone: what it held stays in use; until it is back, or a configuration without it is reloaded, no other file is read again",
                        metadata: ["file": "\(file)"])
                case .back(let file): log.notice("a file of the configuration is back", metadata: ["file": "\(file)"])
                case .failing(let problems): reject(ReloadOutcome(at: Date(), cause: .file, problems: problems))
                }
            }
        }
    }

    private static let watchInterval = Duration.seconds(1)

    /// Not on the loop, since a file system may not respond.
    @concurrent private static func fingerprints(of paths: [String]) async -> [String: FileFingerprint?] {
        Dictionary(uniqueKeysWithValues: paths.map { ($0, FileFingerprint(of: $0)) })
    }
}
