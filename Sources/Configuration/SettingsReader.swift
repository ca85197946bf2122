import Yams
import Crypto
import Registry

/// Reads a file's sections into `Settings`. It goes on after a problem, so that all of them are told at once.
struct SettingsReader {
    let file: String
    let environment: [String: String]
    let refusesUnknownVariables: Bool
    let problems: ProblemList

    init(file: String, environment: [String: String], refusesUnknownVariables: Bool = true) {
        (self.file, self.environment, problems) = (file, environment, ProblemList(file: file))
        self.refusesUnknownVariables = refusesUnknownVariables
    }

    func read(_ text: String) throws(ConfigurationProblems) -> Settings {
        var settings = Settings()
        settings.environment = environment
        settings.origin = file
        let references = Set(text.matches(of: #/\$\{([^}]*)\}/#).map { String($0.1) })
        if refusesUnknownVariables {
            EnvironmentVariable.refuseUnknown(in: environment, references: references, problems: problems)
        }
        if let warning = EnvironmentVariable.warningOfUnused(in: environment, file: file, references: references) {
            settings.warnings.append(warning)
        }
        do throws(Document.Problem) {
            // A file that says nothing still lacks what must be said.
            let node = try Document.compose(text) ?? [:]
            let root = Section(node, at: Place(file: file, line: 1, key: ""), problems: problems, environment: environment)
            fill(&settings, from: root)
            root.finish()
        } catch {
            switch error {
            case .notYAML(let line, let what): problems.add(Place(file: file, line: line, key: ""), "this is not YAML: \(what)")
            }
        }
        try problems.check()
        return settings
    }

    private func fill(_ settings: inout Settings, from root: Section) {
        listeners(&settings, root)
        upstreams(&settings, root)
        users(&settings, root)
        settings.connectTo = root.table("connect_to") { name, target in
            Addresses.isHostAndPort(name, wildcard: true) && Addresses.isHostAndPort(target)
                ? nil : "is not host:port for a host:port; write \"api.ecr.eu-west-1.amazonaws.com:443\": \"127.0.0.1:8445\""
        }
        settings.caFile = authority(root)
        if let limits = root.section("limits") { fill(&settings.limits, from: limits) }
        if let timeouts = root.section("timeouts") { fill(&settings.timeouts, from: timeouts) }
        if let log = root.section("log") {
            settings.log.level = log.one("level", of: Settings.Log.Level.self) ?? .info
            settings.log.format = log.one("format", of: Settings.Log.Format.self)
            log.finish()
        }
        settings.workers = root.count("workers", in: 1...256)
    }

    // MARK: Bounds

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

    private func authority(_ root: Section) -> String? {
        guard let path = root.path("ca_file") else { return nil }
        do throws(TLSError) { _ = try TLSClient(authority: path) } catch {
            root.problem(
                "ca_file", "\(root.written("ca_file")) holds no certificate (\(error.reason)); name a PEM file of authorities")
        }
        return path
    }

    // MARK: What several sections hold

    func address(_ section: Section, _ key: String) -> Settings.Address? {
        guard let text = section.string(key) else { return nil }
        if let address = Addresses.parse(text) { return address }
        section.problem(key, "\(section.written(key)) is not an IP address and a port; write one like \(Addresses.examples)")
        return nil
    }

    /// Patterns of repositories' names.
    func patterns(_ section: Section, _ key: String) -> [String] {
        let example = "a list of names, * within a segment, ** across: [\"team-a/**\"]"
        if !section.has(key) { section.problem(key, "missing; write \(example)") }
        let patterns = section.strings(key) { pattern in
            !pattern.isEmpty && pattern.utf8.allSatisfy { $0 &- 97 < 26 || $0 &- 48 < 10 || "._-/*".utf8.contains($0) }
                ? nil : "holds what no repository's name does; names are lower-case letters, digits, . _ - and /"
        }
        if patterns?.isEmpty == true { section.problem(key, "this is empty; write \(example)") }
        return patterns ?? []
    }

    /// Names must differ: the second of two is told.
    func distinct(_ sections: [Section], by key: String) {
        var seen: Set<String> = []
        for section in sections {
            if let text = section.text(key), !seen.insert(text).inserted {
                section.problem(key, "\(section.written(key)) is here more than once; names must differ")
            }
        }
    }
}
