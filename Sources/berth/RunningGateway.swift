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
    private let settings: Settings
    private let adminListener: Listener
    private let log: Logger

    /// Everything is listening when this returns; the first token is on its way.
    static func start(
        _ settings: Settings, log: ProcessLog, reading: @escaping @Sendable () throws(ConfigurationProblems) -> Settings
    ) async throws -> RunningGateway {
        settings.logWarnings(log.logger)
        let loop = EventLoop()
        let control = try ControlPlane(loop: loop, settings: settings, log: log.logger, reading: reading)
        loop.start(named: "control")
        let dataPlane = try DataPlane(
            settings: settings, workers: settings.workers ?? ProcessInfo.processInfo.activeProcessorCount,
            site: try await control.site(),
            upstreams: control.upstreams, accessLog: log.access)
        let admin = AdminHost(loop: loop, sources: control.adminSources(dataPlane))
        guard let address = SocketAddress(host: settings.admin.host, port: settings.admin.port) else {
            throw CannotStart("admin.address: \(settings.admin) is not an address of this machine")
        }
        let listener: Listener
        do { listener = try Listener(on: address, host: admin) } catch {
            throw CannotStart("admin.address: \(address): \(error.reason)")
        }
        await control.start()
        dataPlane.start()
        for (configured, address) in zip(settings.listeners, dataPlane.addresses) {
            log.logger.info(
                "listening", metadata: ["listener": "registry", "address": "\(address)", "tls": "\(configured.tls != nil)"])
        }
        log.logger.info("listening", metadata: ["listener": "admin", "address": "\(listener.address)", "tls": "false"])
        return RunningGateway(
            control: control, dataPlane: dataPlane, adminAddress: listener.address, settings: settings, adminListener: listener,
            log: log.logger)
    }

    /// Until SIGTERM or SIGINT, and then until the last transfer is done; a second of either ends what is left.
    func serve() async {
        for await signal in control.loop.signals([SIGTERM, SIGINT, SIGHUP]) {
            if signal == SIGHUP {
                _ = await control.reload(into: dataPlane)
                continue
            }
            break
        }
        log.notice("draining", metadata: ["within": "\(settings.timeouts.drain)"])
        await control.beginDrain()
        await dataPlane.drain(within: settings.timeouts.drain)
        adminListener.stop()
        log.notice("stopped")
    }
}
