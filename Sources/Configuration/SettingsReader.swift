import Crypto
import Logging
import Telemetry
import Yams

/// Reads a configuration file into `Settings`. It continues after a problem, so that all problems are reported at once.
struct SettingsReader {
    /// The path, as messages name it.
    let file: String
    let environment: [String: String]
    /// Whether unknown `BERTH_*` variables are problems.
    let rejectsUnknownVariables: Bool
    private let problems: ProblemList

    init(file: String, environment: [String: String], rejectsUnknownVariables: Bool = true) {
        (self.file, self.environment, problems) = (file, environment, ProblemList(file: file))
        self.rejectsUnknownVariables = rejectsUnknownVariables
    }

    func read(_ text: String) throws(ConfigurationProblems) -> Settings {
        var settings = Settings()
        settings.environment = environment
        settings.origin = file
        let references = Set(text.matches(of: #/\$\{([^}]*)\}/#).map { String($0.1) })
        if rejectsUnknownVariables {
            EnvironmentVariable.reportUnknown(in: environment, references: references, to: problems)
        }
        if let warning = EnvironmentVariable.warningOfUnused(in: environment, file: file, references: references) {
            settings.warnings.append(warning)
        }
        do throws(Document.Problem) {
            // Required keys are also missing from an empty file.
            let node = try Document.compose(text) ?? [:]
            let root = Section(node, at: KeyLocation(file: file, line: 1, key: ""), problems: problems, environment: environment)
            fill(&settings, from: root)
            root.finish()
        } catch {
            switch error {
            case .notYAML(let line, let what):
                problems.add(KeyLocation(file: file, line: line, key: ""), "this is not YAML: \(what)")
            }
        }
        try problems.check()
        return settings
    }

    private func fill(_ settings: inout Settings, from root: Section) {
        ListenerReader(root: root).read(into: &settings)
        let upstreams = UpstreamReader(root: root).read(into: &settings)
        settings.routes = RouteReader(root: root, upstreams: upstreams).read()
        UserReader(root: root, problems: problems).read(into: &settings)
        settings.connectTo = connectTo(root)
        settings.caFile = authority(root)
        if let limits = root.section("limits") { fill(&settings.limits, from: limits) }
        if let timeouts = root.section("timeouts") { fill(&settings.timeouts, from: timeouts) }
        if let log = root.section("log") {
            settings.log.level = log.choice("level", of: Logger.Level.self) ?? .info
            settings.log.format = log.choice("format", of: LogFormat.self)
            log.finish()
        }
        settings.workers = root.count("workers", in: 1...256)
    }

    private func fill(_ limits: inout Settings.Limits, from section: Section) {
        if let value = section.size("head", in: (4 << 10)...(1 << 20)) { limits.head = value }
        if let value = section.count("head_fields", in: 16...1000) { limits.headFields = value }
        if let value = section.count("connections", in: 1...1_000_000) { limits.connections = value }
        if let value = section.count("connections_per_client", in: 1...1_000_000) { limits.connectionsPerClient = value }
        if let value = section.count("failed_logins_per_minute", in: 1...100_000) { limits.failedLoginsPerMinute = value }
        section.finish()
    }

    private func fill(_ timeouts: inout Settings.Timeouts, from section: Section) {
        let bounds = Duration.milliseconds(100) ... .seconds(3600)
        if let value = section.duration("head", in: bounds) { timeouts.head = value }
        if let value = section.duration("tls_handshake", in: bounds) { timeouts.tlsHandshake = value }
        if let value = section.duration("idle", in: bounds) { timeouts.idle = value }
        if let value = section.duration("stall", in: bounds) { timeouts.stall = value }
        if let value = section.duration("connect", in: bounds) { timeouts.connect = value }
        if let value = section.duration("response", in: bounds) { timeouts.response = value }
        if let value = section.duration("drain", in: .zero ... .seconds(86_400)) { timeouts.drain = value }
        section.finish()
    }

    private func authority(_ root: Section) -> AuthorityFile? {
        guard let path = root.path("ca_file") else { return nil }
        do throws(TLSError) { return try AuthorityFile(path: path) } catch {
            root.problem(
                "ca_file", "\(root.quoted("ca_file")) holds no certificate (\(error.reason)); name a PEM file of CA certificates")
            return nil
        }
    }

    private func connectTo(_ root: Section) -> ConnectTo {
        var entries: [HostPattern: ConnectTo.Entry] = [:]
        root.table("connect_to") { name, target in
            guard let entry = ConnectTo.Entry(name, target) else {
                return
                    "key and value must each be host:port; write them like \"api.ecr.eu-west-1.amazonaws.com:443\": \"127.0.0.1:8445\""
            }
            // Hosts are compared without regard to case and a trailing dot, so two keys can mean the same host.
            guard entries.updateValue(entry, forKey: entry.pattern) == nil else {
                return "another key has the same host and port; keep one"
            }
            return nil
        }
        return ConnectTo(Array(entries.values))
    }
}
