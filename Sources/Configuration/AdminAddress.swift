import FoundationEssentials
package import Transport

/// Finds the address of the admin listener and reads nothing else of the configuration: no certificate and no password file, so that a health
/// check may run as a user who cannot read those, and costs little.
package enum AdminAddress {
    /// The address when the configuration names none.
    package static let usual = Settings().admin

    /// The address in the configuration that `serve` would read. Problems of other keys do not count.
    /// - Parameter file: `--config`; nil: the usual places.
    package static func read(file: String?, environment: [String: String]) throws(ConfigurationProblems) -> SocketAddress {
        let named = file ?? EnvironmentVariable.config.value(in: environment)
        guard let path = named ?? SettingsFile.defaultPaths.first(where: { FileManager.default.fileExists(atPath: $0) }) else {
            return try ofEnvironment(environment)
        }
        guard let text = Files.text(path) else {
            throw ConfigurationProblems(lines: ["\(path): this \(Files.problem(with: path)); name \(Files.allowed)"])
        }
        return try parse(text, file: path, environment: environment)
    }

    static func parse(_ text: String, file: String, environment: [String: String]) throws(ConfigurationProblems) -> SocketAddress {
        let problems = ProblemList(file: file)
        var settings = Settings()
        do throws(Document.Problem) {
            let node = try Document.compose(text) ?? .emptyMapping
            // Only problems on the way to the address are collected here.
            let root = Section(node, at: KeyLocation(file: file, line: 1, key: ""), problems: problems, environment: environment)
            ListenerReader(root: root).readAdminAddress(into: &settings)
        } catch {
            problems.add(KeyLocation(file: file, line: error.line, key: ""), "this is not YAML: \(error.reason)")
        }
        try problems.check()
        return settings.admin
    }

    static func ofEnvironment(_ environment: [String: String]) throws(ConfigurationProblems) -> SocketAddress {
        guard let text = EnvironmentVariable.adminListen.value(in: environment) else { return usual }
        guard let address = ListenAddress.parse(text) else {
            throw ConfigurationProblems(lines: [
                "environment: BERTH_ADMIN_LISTEN: '\(text)' is not an IP address and a port; write one like \(ListenAddress.examples)"
            ])
        }
        return address
    }
}
