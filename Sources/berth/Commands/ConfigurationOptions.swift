import ArgumentParser
import Configuration
import FoundationEssentials

/// The options of commands that read the configuration.
struct ConfigurationOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The configuration file. Default: $BERTH_CONFIG, ./berth.yaml or /etc/berth/berth.yaml; without a file, BERTH_* variables.",
            valueName: "file"), completion: .file())
    var config: String?

    /// Reads the configuration.
    /// - Throws: the exit code, after `report` has printed the problems.
    func read() throws -> Settings {
        do throws(ConfigurationProblems) { return try load() } catch { throw Self.report(error) }
    }

    /// Prints each problem to standard error on a line of its own.
    /// - Returns: the exit code for an invalid configuration, 78.
    static func report(_ problems: ConfigurationProblems) -> ExitCode {
        for line in problems.lines { showError(line) }
        return .configuration
    }

    /// Reads the configuration. The caller reports the problems.
    func load() throws(ConfigurationProblems) -> Settings {
        try SettingsFile.load(file: config, environment: ProcessEnvironment.variables)
    }
}
