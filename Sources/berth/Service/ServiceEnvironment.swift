import FoundationEssentials
import Glibc
import Transport

/// What a service manager says by environment variables (sd_notify(3), sd_watchdog_enabled(3), sd_listen_fds(3)).
struct ServiceEnvironment: Sendable {
    /// Where the manager is told what the process does; nil: nowhere.
    var notifySocket: String?
    /// The manager ends a process that has not said anything for so long; nil: it waits forever.
    var watchdogTime: Duration?
    /// Listening sockets that the manager has made.
    var sockets: [HandedSocket] = []
    /// A directory of the service for its sockets; nil: the manager made none.
    var runtimeDirectory: String?

    /// Takes the variables out of the environment, so that programs that Berth starts, as a `credential_process`, do not speak for it. To be called
    /// once, before anything else is done: other threads may read the environment later.
    /// - Throws: sockets that no connection can be accepted from.
    static func take() throws(TakeOverError) -> ServiceEnvironment {
        let variables = ProcessEnvironment.variables
        defer { for name in names { unsetenv(name) } }
        var taken = ServiceEnvironment()
        taken.notifySocket = variables["NOTIFY_SOCKET"].flatMap { $0.isEmpty ? nil : $0 }
        if let text = variables["WATCHDOG_USEC"], let microseconds = Int64(text), microseconds > 0,
            variables["WATCHDOG_PID"].map({ $0 == "\(getpid())" }) ?? true
        {
            taken.watchdogTime = .microseconds(microseconds)
        }
        // Left where it is: it says nothing that another program could misuse, and a successor needs it.
        taken.runtimeDirectory = variables["RUNTIME_DIRECTORY"]?.split(separator: ":").first.map(String.init)
        taken.sockets = try SocketActivation.sockets(variables)
        return taken
    }

    private static let names = [
        "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PIDFDID",
    ]

    /// The variables that tell the next process of the same service the same.
    var variables: [String: String] {
        var variables: [String: String] = [:]
        variables["NOTIFY_SOCKET"] = notifySocket
        variables["WATCHDOG_USEC"] = watchdogTime.map { time in
            let (seconds, attoseconds) = time.components
            return String(seconds * 1_000_000 + attoseconds / 1_000_000_000_000)
        }
        return variables
    }
}
