import Admin
import Configuration
import Foundation
import Gateway
import Glibc
import Logging
import Telemetry
import Transport

/// A gateway from its configuration to its drain: what `serve` and `demo` run.
struct RunningGateway {
    let control: ControlPlane
    let dataPlane: DataPlane
    /// The admin listener's.
    let adminAddress: SocketAddress
    private let adminListener: Listener
    private let signals: AsyncStream<Int32>
    private let log: ProcessLog

    /// Everything is listening when this returns; the first token is on its way.
    static func start(
        _ settings: Settings, log: ProcessLog, reading: @escaping @Sendable () throws(ConfigurationProblems) -> Settings
    ) async throws -> RunningGateway {
        log.logger.notice("starting", metadata: ["version": "\(Berth.version)", "configuration": "\(settings.origin)"])
        settings.logWarnings(log.logger)
        let loop = EventLoop()
        let plan = try GatewayPlan(settings, loop: loop, log: log.logger)
        let control = ControlPlane(loop: loop, plan: plan, log: log.logger, reading: reading)
        loop.start(named: "control")
        let dataPlane = try DataPlane(
            settings: settings, workers: settings.workerCount, site: plan.site, outbound: plan.outbound, accessLog: log.access,
            log: log.logger)
        let admin = AdminHost(loop: loop, sources: control.adminSources(dataPlane))
        let listener: Listener
        do {
            listener = try Listener(on: try settings.admin.socketAddress, host: admin) { [logger = log.logger] error in
                logger.error("connections to the admin listener cannot be accepted", metadata: ["reason": "\(error)"])
            }
        } catch {
            throw CannotStart("admin.address: \(error.reason)")
        }
        // Before anybody is told that it listens: a signal that comes now waits for `serve`.
        let signals = loop.signals([SIGTERM, SIGINT, SIGHUP])
        await control.start()
        dataPlane.start()
        for (configured, address) in zip(settings.listeners, dataPlane.addresses) {
            log.logger.info(
                "listening",
                metadata: [
                    "listener": "registry", "address": "\(address)", "tls": .stringConvertible(configured.tls != nil),
                ])
        }
        log.logger.info(
            "listening", metadata: ["listener": "admin", "address": "\(listener.address)", "tls": .stringConvertible(false)])
        return RunningGateway(
            control: control, dataPlane: dataPlane, adminAddress: listener.address, adminListener: listener, signals: signals,
            log: log)
    }

    /// Until SIGTERM or SIGINT, and then until the last transfer is done; a second of either ends what is left.
    /// - Parameter reloads: on SIGHUP. Otherwise it ends as well: the terminal was closed.
    func serve(reloads: Bool = true) async {
        await untilSignalled(control, reloads: reloads)
        let within = await control.drainTime
        log.logger.notice("draining", metadata: ["within": "\(within)"])
        await control.beginDrain()
        let second = Task { await endAtSignal(control) }
        await dataPlane.drain(within: within)
        second.cancel()
        adminListener.stop()
        log.logger.notice("stopped")
    }

    // Signals are heard on the control loop, whatever the workers and the pool of threads are busy with.

    /// Reloads at SIGHUP. A reload that takes long keeps no signal waiting.
    private func untilSignalled(_ control: isolated ControlPlane, reloads: Bool) async {
        for await signal in signals {
            guard signal == SIGHUP, reloads else { return }
            Task { await control.reload(into: dataPlane) }
        }
    }

    private func endAtSignal(_ control: isolated ControlPlane) async {
        for await signal in signals {
            guard signal != SIGHUP else {
                log.logger.warning("not reloaded: the gateway drains")
                continue
            }
            log.logger.warning("ending at once: a second signal")
            // Workers that do not even hear this are not waited for.
            control.loop.after(Self.abandonGrace) { [log] in
                log.sink.flush()
                _exit(128 + signal)
            }
            return await dataPlane.abandon()
        }
    }

    /// For the access lines of what is ended.
    private static let abandonGrace = Duration.seconds(2)
}

/// What stands in the way of a start, for the person who started it.
struct CannotStart: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
