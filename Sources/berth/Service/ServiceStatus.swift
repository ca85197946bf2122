import Glibc
import Logging
import Transport

/// Tells the service manager what the gateway does (sd_notify(3)), on the control loop. Does nothing without a manager.
actor ServiceStatus {
    nonisolated let loop: EventLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    private let watchdogTime: Duration?
    private let log: Logger
    /// nil: there is no manager, or another process speaks to it by now.
    private var notifications: ServiceNotifications?
    /// The watchdog has found a loop that is stuck, and has said so.
    private var isStuck = false

    init(_ environment: ServiceEnvironment, loop: EventLoop, log: Logger) throws(TransportError) {
        (self.loop, self.log, watchdogTime) = (loop, log, environment.watchdogTime)
        notifications = try environment.notifySocket.map { path throws(TransportError) in
            try ServiceNotifications(to: path, on: loop)
        }
    }

    /// All listeners accept.
    func ready(on addresses: [SocketAddress]) {
        // The process that was taken over has named this one as the main one. Said again for managers that listen to every process of a service.
        notifications?.send(["MAINPID=\(getpid())", "READY=1", Self.status(addresses)])
        // The process before this one may have said so a while ago.
        if watchdogTime != nil { notifications?.send(["WATCHDOG=1"]) }
    }

    /// A reload has begun.
    func reloading() {
        // By the clock that systemd compares with the time of its signal (Type=notify-reload).
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        let microseconds = time.tv_sec * 1_000_000 + time.tv_nsec / 1000
        notifications?.send(["RELOADING=1", "MONOTONIC_USEC=\(microseconds)", "STATUS=Reloading the configuration"])
    }

    /// A reload has ended, well or not: the gateway serves.
    func reloaded(_ outcome: ReloadOutcome, _ addresses: [SocketAddress]) {
        let result = outcome.problems.first.map { "; not reloaded: \($0)" } ?? ""
        notifications?.send(["READY=1", Self.status(addresses) + result])
    }

    private static func status(_ addresses: [SocketAddress]) -> String {
        "STATUS=Serving on \(addresses.map(\.description).joined(separator: ", "))"
    }

    /// The drain has begun.
    /// - Parameter limit: its longest time. The manager is asked to wait for it, whatever its own time limit is.
    func stopping(within limit: Duration) {
        let microseconds = (limit + Self.stopMargin).components.seconds * 1_000_000
        notifications?.send(["STOPPING=1", "EXTEND_TIMEOUT_USEC=\(microseconds)", "STATUS=Draining: transfers in progress may end"])
    }

    /// For the end of the process after its drain.
    private static let stopMargin = Duration.seconds(30)

    /// Another process is the service's main one from now on, and speaks for it.
    func hand(to process: Int32) {
        notifications?.send(["MAINPID=\(process)", "STATUS=Process \(process) takes over"])
        notifications = nil
    }

    /// Tells the watchdog that the gateway lives, four times in its period, so that one late look ends nothing, as long as all loops turn. A loop that is stuck stops the messages, and the
    /// manager restarts the service.
    func keepAlive(_ loops: [EventLoop]) async {
        guard let watchdogTime, notifications != nil else { return }
        let watch = LoopWatch(loops)
        while true {
            await loop.sleep(for: watchdogTime / 4)
            guard let notifications else { return }
            let turned = watch.look()
            if turned { notifications.send(["WATCHDOG=1"]) }
            if turned == isStuck {
                isStuck = !turned
                if isStuck { log.critical("a loop is stuck: the service manager will restart the service", metadata: [:]) }
            }
        }
    }
}
