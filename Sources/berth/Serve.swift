import Logging
import Telemetry
import ArgumentParser
import Configuration
import Crypto
import Foundation
import Transport

struct ConfigurationOptions: ParsableArguments {
    @Option(
        name: .long,
        help: "The configuration file. Default: $BERTH_CONFIG, ./berth.yaml, /etc/berth/berth.yaml, or the environment alone.")
    var config: String?

    /// As `serve` and `check` both read it. Every problem goes to standard error on a line of its own; the exit code is then 78.
    func read() throws -> Settings {
        do throws(ConfigurationProblems) { return try load() } catch { throw Self.exit(telling: error) }
    }

    static func exit(telling problems: ConfigurationProblems) -> ExitCode {
        for line in problems.lines { FileHandle.standardError.write(Data((line + "\n").utf8)) }
        return .configuration
    }

    private func load() throws(ConfigurationProblems) -> Settings {
        try Settings.load(file: config, environment: ProcessInfo.processInfo.environment)
    }
}

struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Run the gateway.")

    @OptionGroup var options: ConfigurationOptions

    @Flag(help: "Let the system write core files, and debuggers attach: both show keys, tokens and passwords.")
    var allowCoreDumps = false

    func run() async throws {
        if !allowCoreDumps { keepMemoryToOurselves() }
        EventLoop.prepareProcess()
        let settings = try options.read()
        let log = ProcessLog(settings.log)
        defer { log.sink.flush() }
        do {
            let gateway = try await RunningGateway.start(settings, log: log) { () throws(ConfigurationProblems) in
                try Settings.load(again: settings.origin, environment: settings.environment)
            }
            await gateway.serve()
        } catch let problems as ConfigurationProblems {
            throw ConfigurationOptions.exit(telling: problems)
        } catch {
            log.logger.critical("cannot start", metadata: ["reason": "\(error)"])
            throw ExitCode.configuration
        }
    }
}
