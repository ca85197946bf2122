import Crypto
import FoundationEssentials

/// Finds the configuration file and reads it.
package enum SettingsFile {
    /// Used when neither `--config` nor `$BERTH_CONFIG` is given: the first of these that exists.
    static let defaultPaths = ["berth.yaml", "/etc/berth/berth.yaml"]

    /// The configuration of a new process: from a file, or without one from `BERTH_*` variables.
    /// - Parameter file: `--config`; nil: `$BERTH_CONFIG`, `./berth.yaml` or `/etc/berth/berth.yaml`.
    package static func load(file: String?, environment: [String: String]) throws(ConfigurationProblems) -> Settings {
        try read(file: file, environment: environment)
    }

    /// The configuration of a running process, read again from the same place: a file that is gone is a problem, and files that have
    /// appeared at other places do not count.
    /// - Parameter origin: of the running configuration.
    package static func reload(from origin: String, environment: [String: String]) throws(ConfigurationProblems) -> Settings {
        guard origin != Settings.fromEnvironment else { return try EnvironmentReader(environment: environment).read() }
        return try read(file: origin, environment: environment, isReload: true)
    }

    /// The keys that a file may have, in the order in which the README documents them.
    package static var reference: [ConfigurationReference.Row] { SettingsReader.reference }

    /// The configuration in use with the present contents of the files that it names. The configuration file itself is not read again: somebody may
    /// be editing it.
    package static func reread(_ settings: Settings) throws(ConfigurationProblems) -> Settings {
        guard let text = settings.text else { return try EnvironmentReader(environment: settings.environment).read() }
        return try SettingsReader(file: settings.origin, environment: settings.environment, rejectsUnknownVariables: false)
            .read(text.reveal)
    }

    /// The configuration in a text.
    /// - Parameter file: its name in problems.
    package static func parse(_ text: String, file: String, environment: [String: String]) throws(ConfigurationProblems) -> Settings
    {
        try SettingsReader(file: file, environment: environment).read(text)
    }

    /// - Parameters:
    ///   - file: `--config`.
    ///   - isReload: then unknown `BERTH_*` variables are no problem: a process cannot change its environment, and the file may no longer
    ///     refer to a variable.
    static func read(
        file: String?, environment: [String: String], isReload: Bool = false, defaultPaths: [String] = defaultPaths
    ) throws(ConfigurationProblems) -> Settings {
        let named = file ?? EnvironmentVariable.config.value(in: environment)
        guard let path = named ?? defaultPaths.first(where: { FileManager.default.fileExists(atPath: $0) }) else {
            return try EnvironmentReader(environment: environment).read()
        }
        guard FileManager.default.fileExists(atPath: path) else {
            throw ConfigurationProblems(lines: ["\(path): no such file; correct the path"])
        }
        guard let text = Files.text(path) else {
            throw ConfigurationProblems(lines: ["\(path): this \(Files.problem(with: path)); name \(Files.allowed)"])
        }
        return try SettingsReader(file: path, environment: environment, rejectsUnknownVariables: !isReload).read(text)
    }
}
