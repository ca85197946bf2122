import ArgumentParser
import Configuration
import Crypto
import FoundationEssentials
import Logging
import Telemetry
import Transport

struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Run the gateway.")

    @OptionGroup var options: ConfigurationOptions

    @Flag(help: "Allow core files and debuggers. Both can show keys, tokens and passwords.")
    var allowCoreDumps = false

    @Flag(
        help: ArgumentHelp(
            "Take over the listening sockets of the gateway that runs, which then drains and ends.",
            discussion:
                "No connection is refused. If this process cannot serve, the running one goes on. Without a running one, starts normally."
        ))
    var takeOver = false

    /// The process between a running gateway and the new one that it starts.
    @Flag(help: .hidden) var detach = false

    func run() async throws {
        guard !detach else { return try Successor.startDetached() }
        if !allowCoreDumps { protectProcessMemory() }
        let launch: Launch
        do { launch = try Launch.serve(takingOver: takeOver) } catch {
            writeToStandardError("cannot start: \(error)\n")
            throw takeOver ? ExitCode.unavailable : .configuration
        }
        prepareProcess()
        let settings: Settings
        do throws(ConfigurationProblems) { settings = try options.load() } catch {
            launch.predecessor?.giveUp(because: error.lines.joined(separator: "; "))
            throw ConfigurationOptions.report(error)
        }
        let log = ProcessLog(settings.log)
        defer { log.sink.flush() }
        let gateway: RunningGateway
        do {
            gateway = try await RunningGateway.start(settings, as: launch, log: log) { () throws(ConfigurationProblems) in
                try SettingsFile.reload(from: settings.origin, environment: settings.environment)
            }
        } catch {
            launch.predecessor?.giveUp(because: Self.reason(of: error))
            throw Self.exitCode(for: error, isOffered: !takeOver && launch.isOffered, log.logger)
        }
        await gateway.serve()
    }

    private static func reason(of error: any Error) -> String {
        switch error {
        case let problems as ConfigurationProblems: problems.lines.joined(separator: "; ")
        case let error as TransportError: error.reason
        default: "\(error)"
        }
    }

    /// Reports why the gateway does not start.
    /// - Parameter isOffered: a running gateway offers its sockets, which this one did not want.
    private static func exitCode(for error: any Error, isOffered: Bool, _ log: Logger) -> ExitCode {
        if let problems = error as? ConfigurationProblems { return ConfigurationOptions.report(problems) }
        let isInUse = (error as? TransportError)?.kind == .addressInUse
        let hint = isInUse && isOffered ? "; a running Berth offers its sockets: berth serve --take-over replaces it" : ""
        log.critical("cannot start", metadata: ["reason": "\(reason(of: error))\(hint)"])
        // A service manager starts again later: the program that has the address, or is to be taken over from, may be on its way out.
        let isTemporary = isInUse || error is TakeOverError
        return isTemporary ? .unavailable : .configuration
    }
}
