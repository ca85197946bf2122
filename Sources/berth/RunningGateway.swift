import Admin
import Configuration
import Foundation
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
    private let signals: AsyncStream<Int32>
    private let log: ProcessLog

    /// Starts a gateway. When this returns, all listeners accept connections, and the first tokens are being fetched.
    /// - Parameter reading: reads the configuration again, at each reload.
    /// - Throws: `ConfigurationProblems`, or the `TransportError` of a listener, whose reason names the key.
    static func start(
        _ settings: Settings, log: ProcessLog, reading: @escaping @Sendable () throws(ConfigurationProblems) -> Settings
    ) async throws -> RunningGateway {
        log.logger.notice("starting", metadata: ["version": "\(ProgramVersion.text)", "configuration": "\(settings.origin)"])
        settings.logWarnings(log.logger)
        let loop = EventLoop()
        let plan = try GatewayPlan(settings, loop: loop, log: log.logger)
        let control = ControlPlane(loop: loop, plan: plan, log: log, reading: reading)
        loop.start(named: "control")
        let dataPlane = try DataPlane(
            settings: settings, workers: settings.workerCount, snapshot: plan.snapshot, outbound: plan.outbound,
            accessLog: log.sink, errors: log.errors, log: log.logger)
        let adapter = AdminAdapter(control, dataPlane)
        let admin = try AdminListener(settings, host: AdminHost(loop: loop, sources: adapter.sources), log: log.logger)
        // Before the log says that it listens: from then on signals wait for `serve`.
        let signals = ProcessSignals.stream(of: [SIGTERM, SIGINT, SIGHUP], on: loop)
        await control.start(dataPlane, admin)
        dataPlane.start()
        admin.start()
        for address in ListeningAddress.all(of: plan, dataPlane, admin) { address.write(to: log.logger) }
        return RunningGateway(control: control, dataPlane: dataPlane, admin: admin, signals: signals, log: log)
    }

    var adminAddress: SocketAddress { admin.address }

    /// Returns after SIGTERM or SIGINT, when the exchanges in progress have ended. A second signal ends them at once.
    /// - Parameter reloads: whether SIGHUP reloads. Otherwise it means that the terminal was closed, and ends the gateway too.
    func serve(reloads: Bool = true) async {
        await untilSignalled(control, reloads: reloads)
        let within = await control.drainTime
        log.logger.notice("draining", metadata: ["within": "\(within)"])
        await control.beginDrain()
        let second = Task { await endAtSignal(control) }
        await dataPlane.drain(within: within)
        second.cancel()
        admin.stop()
        log.logger.notice("stopped")
    }

    // These run on the control loop, so that busy workers do not delay signals.

    /// Reloads at each SIGHUP, without waiting for the reload to finish.
    private func untilSignalled(_ control: isolated ControlPlane, reloads: Bool) async {
        for await signal in signals {
            guard signal == SIGHUP, reloads else { return }
            Task { await control.reload() }
        }
    }

    private func endAtSignal(_ control: isolated ControlPlane) async {
        for await signal in signals {
            guard signal != SIGHUP else {
                log.logger.warning("not reloaded: the gateway is draining")
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
