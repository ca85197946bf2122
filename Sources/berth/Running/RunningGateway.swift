import Admin
import Configuration
import FoundationEssentials
import Gateway
import Glibc
import Logging
import Telemetry
import Transport

/// A gateway with its listeners, from start to drain: what `serve` and `demo` run.
struct RunningGateway {
    let control: ControlPlane
    let dataPlane: DataPlane
    private let admin: AdminListener
    private let service: ServiceStatus
    private let offer: TakeOverOffer?
    private let launch: Launch
    private let events: AsyncStream<Event>
    private let log: ProcessLog

    /// What a running gateway reacts to.
    enum Event: Sendable {
        case signal(Int32)
        /// A new process accepts connections from this one's sockets.
        case handedOver
    }

    /// Starts a gateway. When this returns, all listeners accept connections, the first tokens are being fetched, and the process before this one,
    /// if there is one, accepts no more.
    /// - Parameter reading: reads the configuration again, at each reload.
    /// - Throws: `ConfigurationProblems`, `StartError`, `TakeOverError`, or the `TransportError` of a listener, whose reason names the key.
    static func start(
        _ settings: Settings, as launch: Launch, log: ProcessLog,
        reading: @escaping @Sendable () throws(ConfigurationProblems) -> Settings
    ) async throws -> RunningGateway {
        log.logger.notice("starting", metadata: ["version": "\(ProgramVersion.text)", "configuration": "\(settings.origin)"])
        settings.logWarnings(log.logger)
        try launch.checkSockets(for: settings, log: log.logger)
        let loop = EventLoop()
        let plan = try GatewayPlan(
            settings, loop: loop, log: log.logger, ownTokenKey: launch.predecessor?.key,
            cache: GatewayCache.of(settings.cache, log: log.logger))
        let service = try ServiceStatus(launch.service, loop: loop, log: log.logger)
        let control = ControlPlane(loop: loop, plan: plan, log: log, service: service, reading: reading)
        loop.start(named: "control")
        let dataPlane = try DataPlane(
            settings: settings, workers: settings.workerCount, snapshot: plan.snapshot, outbound: plan.outbound,
            accessLog: log.sink, errors: log.errors, log: log.logger, inherited: launch.sockets)
        let adapter = AdminAdapter(control, dataPlane)
        let admin = try AdminListener(
            settings, host: AdminHost(loop: loop, sources: adapter.sources), log: log.logger, inherited: launch.sockets)
        try launch.checkUnclaimed(settings)
        // Before the log says that it listens: from then on signals wait for `serve`.
        let (events, continuation) = AsyncStream<Event>.makeStream()
        let numbers = [SIGTERM, SIGINT, SIGHUP, SIGUSR2]
        let signals = ProcessSignals.stream(of: numbers, on: loop)
        Task { for await signal in signals { continuation.yield(.signal(signal)) } }
        await control.start(dataPlane, admin)
        try await launch.waitUntilServing(plan)
        dataPlane.start()
        admin.start()
        try await launch.replacePredecessor(log: log.logger)
        // Before anybody is told that this process serves: the next one would find nothing to take over.
        let offer = launch.offer(of: control, dataPlane, admin, service, log: log.logger) { continuation.yield(.handedOver) }
        for address in ListeningAddress.all(of: plan, dataPlane, admin) { address.write(to: log.logger) }
        await service.ready(on: dataPlane.addresses)
        Task { await service.keepAlive([loop] + dataPlane.loops) }
        return RunningGateway(
            control: control, dataPlane: dataPlane, admin: admin, service: service, offer: offer, launch: launch, events: events,
            log: log)
    }

    var adminAddress: SocketAddress { admin.address }

    /// Returns after SIGTERM or SIGINT, or when a new process has taken over, and the exchanges in progress have ended. A second signal ends them at
    /// once.
    /// - Parameter reloads: whether SIGHUP reloads. Otherwise it means that the terminal was closed, and ends the gateway too.
    func serve(reloads: Bool = true) async {
        let isTakenOver = await untilEnd(control, reloads: reloads)
        let within = await control.drainTime
        log.logger.notice("draining", metadata: ["within": "\(within.asConfigured)"])
        await service.stopping(within: within)
        // After a take-over it stays until the new process offers its sockets at the same path: who comes in between is told to try again.
        if !isTakenOver { await offer?.close(because: "the gateway is draining") }
        await control.beginDrain()
        let second = Task { await endAtSignal(control, isTakenOver: isTakenOver) }
        // The new process has the admin listener too.
        if isTakenOver { await admin.stop() }
        await dataPlane.drain(within: within, grace: isTakenOver ? Self.lastRequestGrace : .zero)
        second.cancel()
        await admin.stop()
        await offer?.close(because: "the gateway has ended")
        await control.endCache()
        log.logger.notice("stopped")
    }

    /// How long clients keep idle connections to a process that was taken over, so that no request meets a connection that is being closed.
    private static let lastRequestGrace = Duration.seconds(10)

    // These run on the control loop, so that busy workers do not delay signals.

    /// Reloads at each SIGHUP, without waiting for the reload to finish, and starts a new process at SIGUSR2.
    /// - Returns: whether a new process has taken over.
    private func untilEnd(_ control: isolated ControlPlane, reloads: Bool) async -> Bool {
        for await event in events {
            switch event {
            case .signal(SIGHUP) where reloads: Task { await control.reload(because: .signal) }
            case .signal(SIGUSR2): launch.startSuccessor(isOffered: offer != nil, log: log.logger)
            case .signal: return false
            case .handedOver: return true
            }
        }
        return false
    }

    /// - Parameter isTakenOver: then the first SIGTERM is for the new process: a service manager that stops or restarts the service sends it to both.
    private func endAtSignal(_ control: isolated ControlPlane, isTakenOver: Bool) async {
        var isIgnored = isTakenOver
        for await case .signal(let signal) in events {
            if isIgnored, signal == SIGTERM || signal == SIGINT {
                isIgnored = false
                log.logger.notice("already draining: a second signal ends at once")
                continue
            }
            guard signal != SIGHUP, signal != SIGUSR2 else {
                log.logger.warning("signal ignored: the gateway is draining", metadata: ["signal": "\(signal)"])
                continue
            }
            log.logger.warning("ending at once: a second signal")
            // Do not wait longer for workers that do not react.
            control.loop.after(Self.abandonGrace) { [log] in
                log.sink.flush()
                _exit(128 + signal)
            }
            return await dataPlane.abandon()
        }
    }

    /// Time to log the exchanges that are cut off.
    private static let abandonGrace = Duration.seconds(2)
}
