import ArgumentParser
import Configuration
import Crypto
import Logging
import Telemetry
import Transport

struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Run the gateway.")

    @OptionGroup var options: ConfigurationOptions

    @Flag(help: "Allow core files and debuggers. Both can show keys, tokens and passwords.")
    var allowCoreDumps = false

    func run() async throws {
        if !allowCoreDumps { protectProcessMemory() }
        prepareProcess()
        let settings = try options.read()
        let log = ProcessLog(settings.log)
        defer { log.sink.flush() }
        do {
            let gateway = try await RunningGateway.start(settings, log: log) { () throws(ConfigurationProblems) in
                try SettingsFile.reload(from: settings.origin, environment: settings.environment)
            }
            await gateway.serve()
        } catch let problems as ConfigurationProblems {
            throw ConfigurationOptions.report(problems)
        } catch let error as TransportError {
            log.logger.critical("cannot start", metadata: ["reason": "\(error.reason)"])
            // A service manager starts again later: the program that has the address may be on its way out.
            throw error.kind == .addressInUse ? ExitCode.unavailable : .configuration
        } catch {
            log.logger.critical("cannot start", metadata: ["reason": "\(error)"])
            throw ExitCode.configuration
        }
    }
}
