import FoundationEssentials
import Glibc
import Logging
import Transport

/// The new process that a running one starts to be taken over by: the program file as it is on disk now, with the same arguments.
enum Successor {
    /// The option of the process in between; see `start`.
    static let detach = "--detach", takeOver = "--take-over"

    /// Starts `berth serve --take-over`. Does not wait for it.
    ///
    /// By way of a process that starts it and ends at once: the new one then is a child of the service manager, as a service's main process has to
    /// be for the manager to notice its end, and not of this process, which ends before it.
    static func start(_ service: ServiceEnvironment, log: Logger) {
        let own = CommandLine.arguments.dropFirst().filter { $0 != detach && $0 != takeOver }
        let variables = ProcessEnvironment.variables.merging(service.variables) { _, new in new }
        do throws(StartError) {
            let process = try spawn(own + [takeOver, detach], variables)
            // waitpid(2) blocks, for the milliseconds that this process lives.
            _ = startThread(named: "successor") {
                var status: Int32 = 0
                while waitpid(process, &status, 0) < 0, errno == EINTR {}
                guard status != 0 else { return }
                log.error("the new process cannot be started: this one goes on serving", metadata: ["status": "\(status)"])
            }
        } catch {
            log.error("the new process cannot be started: this one goes on serving", metadata: ["reason": "\(error)"])
        }
    }

    /// Starts the process proper from the one in between.
    static func startDetached() throws(StartError) {
        let own = CommandLine.arguments.dropFirst().filter { $0 != detach }
        _ = try spawn(Array(own), ProcessEnvironment.variables)
    }

    /// Runs this program's file with other arguments.
    private static func spawn(_ arguments: [String], _ environment: [String: String]) throws(StartError) -> pid_t {
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // Ignored signals stay ignored across execve(2), and a blocked one blocked.
        var all = sigset_t(), none = sigset_t()
        sigfillset(&all)
        sigemptyset(&none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))
        let words = [CommandLine.arguments[0]] + arguments
        let argv = words.map { strdup($0) } + [nil], envp = environment.map { strdup("\($0)=\($1)") } + [nil]
        defer { for text in argv + envp { free(text) } }
        var process: pid_t = 0
        // By the name that this process was started with: an upgrade puts another file there.
        let code = posix_spawnp(&process, words[0], nil, &attributes, argv, envp)
        guard code == 0 else { throw StartError("\(words[0]): \(describe(errno: code))") }
        return process
    }
}
