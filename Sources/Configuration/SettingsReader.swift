import Crypto
import Logging
import Telemetry

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
            let node = try Document.compose(text) ?? .emptyMapping
            let root = Section(node, at: KeyLocation(file: file, line: 1, key: ""), problems: problems, environment: environment)
            fill(&settings, from: root)
            root.finish()
        } catch {
            problems.add(KeyLocation(file: file, line: error.line, key: ""), "this is not YAML: \(error.reason)")
        }
        try problems.check()
        (settings.text, settings.files) = (Secret(text), problems.files.all)
        return settings
    }

    /// All keys that a file may have.
    static var reference: [ConfigurationReference.Row] {
        let reference = ConfigurationReference()
        var settings = Settings()
        SettingsReader(file: "", environment: [:])
            .fill(&settings, from: Section(describing: reference, problems: ProblemList(file: "")))
        return reference.rows
    }

    private func fill(_ settings: inout Settings, from root: Section) {
        ListenerReader(root: root).read(into: &settings)
        let upstreams = UpstreamReader(root: root).read(into: &settings)
        settings.routes = RouteReader(root: root, upstreams: upstreams).read()
        UserReader(root: root, problems: problems).read(into: &settings)
        settings.cache = ConfiguredCache.read(from: root)
        settings.connectTo = connectTo(root)
        settings.caFile = authority(root)
        if let limits = root.section("limits") { fill(&settings.limits, from: limits) }
        if let timeouts = root.section("timeouts") { fill(&settings.timeouts, from: timeouts) }
        if let log = root.section("log") {
            settings.log.level = log.choice("level", default: .info, "the lowest level that is logged; access lines are at `info`")
            settings.log.format = log.choice(
                "format", of: Settings.Log.Format.self,
                "the form of a line; `text` is short and coloured on a terminal (`NO_COLOR` turns colours off)",
                standard: "`text` on a terminal, else `json`")
            log.finish()
        }
        settings.workers = root.count("workers", in: 1...256, "threads of the data plane", standard: "one for each core")
    }

    private func fill(_ limits: inout Settings.Limits, from section: Section) {
        limits.head = section.size(
            "head", default: limits.head, in: (4 << 10)...(1 << 20), "bytes of a request's head; a larger one gets 431")
        limits.headFields = section.count(
            "head_fields", default: limits.headFields, in: 16...1000, "fields of a request's head; more get 431")
        limits.connections = section.count(
            "connections", default: limits.connections, in: 1...1_000_000,
            "connections of all clients; more get 503 with `Retry-After`. Lowered at start, with a line in the log, if the hard limit of descriptors is too small for two each"
        )
        limits.connectionsPerClient = section.count(
            "connections_per_client", default: limits.connectionsPerClient, in: 1...1_000_000,
            "connections of one client; an IPv6 client is its /64")
        limits.failedLoginsPerMinute = section.count(
            "failed_logins_per_minute", default: limits.failedLoginsPerMinute, in: 1...100_000,
            "different wrong passwords of one user from one address. Beyond it, that user gets 429 from there, without hashing. All users of one address together have ten times as many. The same wrong password again gets 401 and does not count. A login that has succeeded before always passes"
        )
        let ofUpstreams = ["concurrent", "requests_per_second"]
        section.finish(elsewhere: Dictionary(uniqueKeysWithValues: ofUpstreams.map { ($0, "upstreams[].limits.\($0)") }))
    }

    private func fill(_ timeouts: inout Settings.Timeouts, from section: Section) {
        let bounds = Duration.milliseconds(100) ... .seconds(3600)
        timeouts.head = section.duration("head", default: timeouts.head, in: bounds, "until a request's head is complete")
        timeouts.tlsHandshake = section.duration(
            "tls_handshake", default: timeouts.tlsHandshake, in: bounds, "until a client's TLS handshake is complete")
        timeouts.idle = section.duration("idle", default: timeouts.idle, in: bounds, "a kept connection without a request")
        timeouts.stall = section.duration("stall", default: timeouts.stall, in: bounds, "a body without progress, on either side")
        timeouts.connect = section.duration(
            "connect", default: timeouts.connect, in: bounds, "connecting to an upstream, for each of its addresses")
        timeouts.response = section.duration(
            "response", default: timeouts.response, in: bounds, "an upstream's response after a complete request")
        timeouts.drain = section.duration(
            "drain", default: timeouts.drain, in: .zero ... .seconds(86_400), "transfers in progress after SIGTERM")
        section.finish()
    }

    private func authority(_ root: Section) -> AuthorityFile? {
        guard let path = root.path("ca_file", "PEM; CAs that are trusted in addition to the system's") else { return nil }
        do throws(TLSError) { return try AuthorityFile(path: path) } catch {
            root.problem(
                "ca_file", "\(root.quoted("ca_file")) holds no certificate (\(error.reason)); name a PEM file of CA certificates")
            return nil
        }
    }

    private func connectTo(_ root: Section) -> ConnectTo {
        var entries: [HostPattern: ConnectTo.Entry] = [:]
        root.table(
            "connect_to",
            "`\"host:port\": \"address:port\"` to connect to instead; the host may be `*.domain`. Host name and certificate check stay the same (VPC endpoints, tests)"
        ) { name, target in
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
