import Crypto
import Registry
import Yams

/// Reads a file's sections into `Settings`. It goes on after a problem, so that all of them are told at once.
struct SettingsReader {
    let file: String
    let environment: [String: String]
    let problems = ProblemList()

    func read(_ text: String) throws(ConfigurationProblems) -> Settings {
        var settings = Settings()
        settings.environment = environment
        do {
            if let node = try Yams.compose(yaml: text) {
                let root = Section(node, at: Place(file: file, line: 1, key: ""), problems: problems, environment: environment)
                fill(&settings, from: root)
                root.finish()
            }
        } catch let error as YamlError {
            let (line, what) = Self.described(error)
            problems.add(Place(file: file, line: line, key: ""), what)
        } catch {
            problems.add(Place(file: file, line: 0, key: ""), "this is not YAML")
        }
        try problems.check()
        return settings
    }

    private static func described(_ error: YamlError) -> (line: Int, String) {
        switch error {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _), .composer(_, let problem, let mark, _):
            (mark.line, "this is not YAML: \(problem)")
        case .duplicatedKeysInMapping(let keys, let context):
            (
                context.mark.line,
                "\(keys.sorted().map { "'\($0)'" }.joined(separator: ", ")) is here more than once; keep one of each"
            )
        default: (0, "this is not YAML: \(error)")
        }
    }

    private func fill(_ settings: inout Settings, from root: Section) {
        if let listeners = root.sections("listeners") {
            settings.listeners = listeners.compactMap(listener)
            if listeners.isEmpty { root.problem("listeners", "at least one is needed; leave the key out for 0.0.0.0:5000") }
        }
        if let admin = root.section("admin") {
            if let address = address(admin, "address") { settings.admin = address }
            admin.finish()
        }
        upstreams(&settings, root)
        settings.routes = (root.sections("routes") ?? []).compactMap { route($0, upstreams: settings.upstreams.map(\.name)) }
        users(&settings, root)
        settings.connectTo = connectTo(root)
        settings.caFile = root.string("ca_file").flatMap { Files.readable($0, root, "ca_file") }
        if let limits = root.section("limits") { fill(&settings.limits, from: limits) }
        if let timeouts = root.section("timeouts") { fill(&settings.timeouts, from: timeouts) }
        if let log = root.section("log") {
            settings.log.level = log.one("level", of: Settings.Log.Level.self) ?? .info
            settings.log.format = log.one("format", of: Settings.Log.Format.self)
            log.finish()
        }
        settings.workers = root.count("workers", in: 1...256)
    }

    // MARK: Listeners

    private func listener(_ section: Section) -> Settings.Listener? {
        defer { section.finish() }
        let tls = section.section("tls").flatMap { tls -> Settings.TLSFiles? in
            defer { tls.finish() }
            let certificate = tls.required("certificate", "the path of a PEM file, leaf first").flatMap {
                Files.readable($0, tls, "certificate")
            }
            let key = tls.required("private_key", "the path of a PEM file").flatMap { Files.readable($0, tls, "private_key") }
            let clients = tls.string("client_ca").flatMap { Files.readable($0, tls, "client_ca") }
            guard let certificate, let key else { return nil }
            return Settings.TLSFiles(certificate: certificate, privateKey: key, clientCA: clients)
        }
        let publicURL = section.string("public_url").flatMap { self.publicURL($0, section) }
        let proxies = section.strings("trusted_proxies") ?? []
        for proxy in proxies where !Addresses.isNetwork(proxy) {
            section.problem("trusted_proxies", "'\(proxy)' is not a network; write one like 10.0.0.0/8 or fd00::/8")
        }
        guard let address = address(section, "address") else {
            if !section.has("address") { section.problem("address", "missing; write an address and a port, like 0.0.0.0:5000") }
            return nil
        }
        return Settings.Listener(address: address, tls: tls, publicURL: publicURL, trustedProxies: proxies)
    }

    private func publicURL(_ text: String, _ section: Section) -> String? {
        let trimmed = text.hasSuffix("/") ? String(text.dropLast()) : text
        let host = trimmed.hasPrefix("https://") ? trimmed.dropFirst(8) : trimmed.hasPrefix("http://") ? trimmed.dropFirst(7) : ""
        guard !host.isEmpty, host.utf8.allSatisfy({ ($0 | 0x20) &- 97 < 26 || $0 &- 48 < 10 || "-._:[]".utf8.contains($0) }) else {
            section.problem("public_url", "'\(text)' is not an address without a path; write one like https://registry.example.com")
            return nil
        }
        return trimmed
    }

    private func address(_ section: Section, _ key: String) -> Settings.Address? {
        guard let text = section.string(key) else { return nil }
        if let address = Addresses.parse(text) { return address }
        section.problem(key, "'\(text)' is not an IP address and a port; write one like 0.0.0.0:5000, [::]:5000 or :5000")
        return nil
    }

    // MARK: Upstreams and routes

    private func upstreams(_ settings: inout Settings, _ root: Section) {
        guard root.has("upstreams") else {
            _ = root.sections("upstreams")
            return root.problem("upstreams", "missing; name at least one: - {name: main, registry: \(ECRHost.allowed)}")
        }
        let sections = root.sections("upstreams") ?? []
        if sections.isEmpty { root.problem("upstreams", "at least one is needed") }
        settings.upstreams = sections.compactMap(upstream)
        for (index, upstream) in settings.upstreams.enumerated()
        where settings.upstreams[..<index].contains(where: { $0.name == upstream.name }) {
            root.problem("upstreams", "two are named '\(upstream.name)'; names must differ")
        }
    }

    private func upstream(_ section: Section) -> Settings.Upstream? {
        defer { section.finish() }
        let name = section.required("name", "a short word, as routes, metrics and the log are to say it")
        if let name, name.isEmpty || name.utf8.count > 64 || name.contains("/") {
            section.problem("name", "a name has 1 to 64 characters and no slash")
        }
        let text = section.required("registry", ECRHost.allowed)
        let registry = text.flatMap { ECRHost($0) }
        if let text, registry == nil { section.problem("registry", "'\(text)' is not a registry of ECR; write \(ECRHost.allowed)") }
        if let registry, registry.isPublic {
            section.problem("registry", "ECR Public is not supported yet; write the host of a private registry")
        }
        let blobs = section.one("blobs", of: Settings.BlobMode.self) ?? .stream
        let credentials = section.section("credentials").map(credentials)
        let creation = section.section("create_repositories").flatMap(creation)
        guard let name, let registry else { return nil }
        return Settings.Upstream(
            name: name, registry: registry, blobs: blobs, credentials: credentials, createRepositories: creation)
    }

    private func credentials(_ section: Section) -> Settings.Credentials {
        defer { section.finish() }
        var credentials = Settings.Credentials()
        credentials.source = section.one("source", of: Settings.Credentials.Source.self) ?? .automatic
        if [.webIdentity, .container, .process].contains(credentials.source) {
            section.problem(
                "source", "'\(credentials.source.rawValue)' is not supported yet; use automatic, environment, profile or instance")
        }
        credentials.profile = section.string("profile")
        if let role = section.section("assume_role") {
            section.problem("assume_role", "not supported yet; give Berth credentials of the role itself")
            credentials.assumeRole = Settings.AssumeRole(
                arn: role.required("arn", "the role's ARN") ?? "", externalID: role.string("external_id"),
                sessionName: role.string("session_name") ?? "berth",
                duration: role.duration("duration", in: .seconds(900) ... .seconds(43200)) ?? .seconds(3600))
            role.finish()
        }
        return credentials
    }

    private func creation(_ section: Section) -> Settings.RepositoryCreation? {
        defer { section.finish() }
        enum Mutability: String, CaseIterable { case MUTABLE, IMMUTABLE }
        let match = patterns(section, "match")
        return Settings.RepositoryCreation(
            match: match, tagMutability: section.one("tag_mutability", of: Mutability.self)?.rawValue,
            scanOnPush: section.flag("scan_on_push"),
            kmsKey: section.string("kms_key"), tags: section.table("tags"),
            policy: section.string("policy_file").flatMap { Files.text($0, section, "policy_file") },
            lifecyclePolicy: section.string("lifecycle_policy_file").flatMap { Files.text($0, section, "lifecycle_policy_file") })
    }

    private func route(_ section: Section, upstreams: [String]) -> Settings.Route? {
        defer { section.finish() }
        let host = section.string("host"), namespace = section.string("namespace")
        let prefix = section.string("prefix") ?? "", upstreamPrefix = section.string("upstream_prefix")
        for (key, text) in [("prefix", prefix), ("upstream_prefix", upstreamPrefix ?? "")] where !text.isEmpty {
            if Repository(text.hasSuffix("/") ? text + "a" : text) == nil {
                section.problem(key, "'\(text)' is not the start of a repository's name (lower-case letters, digits, . _ - and /)")
            }
        }
        guard let upstream = section.required("upstream", "the name of one of upstreams") else { return nil }
        if !upstreams.contains(upstream) {
            section.problem("upstream", "there is no upstream '\(upstream)'; named are \(upstreams.joined(separator: ", "))")
        }
        return Settings.Route(
            host: host, namespace: namespace, prefix: prefix, upstream: upstream, upstreamPrefix: upstreamPrefix ?? prefix)
    }

    private func connectTo(_ root: Section) -> [String: String] {
        let table = root.table("connect_to")
        for (name, target) in table.sorted(by: { $0.key < $1.key })
        where !Addresses.isHostAndPort(name, wildcard: true) || !Addresses.isHostAndPort(target) {
            root.problem(
                "connect_to",
                "'\(name)': '\(target)' is not host:port to host:port; write \"api.ecr.eu-west-1.amazonaws.com:443\": \"127.0.0.1:8445\""
            )
        }
        return table
    }

    // MARK: Users

    private func users(_ settings: inout Settings, _ root: Section) {
        let common = root.sections("access_default").map { $0.map(rule) }
        settings.users = (root.sections("users") ?? []).compactMap { user($0, common: common) }
        if let path = root.string("users_file"), let text = Files.text(path, root, "users_file") {
            if let common {
                settings.users += PasswordFile(path: path, problems: problems).users(in: text, access: common)
            } else {
                root.problem(
                    "access_default",
                    "missing; users_file says nothing of what its users may do: - {repositories: [\"**\"], actions: [pull]}")
            }
        }
        if let anonymous = root.section("anonymous") {
            settings.anonymous = access(anonymous)
            anonymous.finish()
        }
        for (index, user) in settings.users.enumerated() where settings.users[..<index].contains(where: { $0.name == user.name }) {
            root.problem("users", "two are named '\(user.name)'; names must differ")
        }
        if settings.users.isEmpty, settings.anonymous == nil, !root.has("users"), !root.has("users_file") {
            root.problem("users", "nobody could log in; name users, a users_file, or what anonymous may do")
        }
    }

    private func user(_ section: Section, common: [Settings.AccessRule]?) -> Settings.User? {
        defer { section.finish() }
        let name = section.required("name", "what is typed at docker login")
        if let name, name.isEmpty || name.utf8.count > 256 || name.contains(":") {
            section.problem("name", "a name has 1 to 256 characters and no colon (RFC 7617)")
        }
        let hash = section.string("password_hash"), path = section.string("password_file")
        var password: Settings.PasswordSource?
        switch (hash, path) {
        case (let hash?, nil):
            password = .hash(Secret(hash))
            if let problem = PasswordFile.problem(with: hash) { section.problem("password_hash", problem) }
        case (nil, let path?): password = Files.password(path, section, "password_file").map { .plain(Secret($0)) }
        case (nil, nil):
            section.problem("password_hash", "missing; give password_hash (berth hash-password makes one) or password_file")
        default: section.problem("password_file", "password_hash is there too; keep one of them")
        }
        let access = section.has("access") || common == nil ? access(section) : common ?? []
        guard let name, let password else { return nil }
        return Settings.User(name: name, password: password, access: access)
    }

    private func access(_ section: Section) -> [Settings.AccessRule] {
        guard section.has("access") else {
            _ = section.sections("access")
            section.problem("access", "missing; say what may be done: - {repositories: [\"**\"], actions: [pull]}")
            return []
        }
        return (section.sections("access") ?? []).map(rule)
    }

    private func rule(_ section: Section) -> Settings.AccessRule {
        defer { section.finish() }
        let repositories = patterns(section, "repositories")
        var actions: Set<Action> = []
        for text in section.strings("actions") ?? [] {
            if let action = Action(rawValue: text) {
                actions.insert(action)
            } else {
                section.problem("actions", "'\(text)' is not known; use \(Action.allCases.map(\.rawValue).joined(separator: ", "))")
            }
        }
        if !section.has("actions") {
            section.problem("actions", "missing; a list of \(Action.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return Settings.AccessRule(repositories: repositories, actions: actions)
    }

    private func patterns(_ section: Section, _ key: String) -> [String] {
        let patterns = section.strings(key) ?? []
        if !section.has(key) || patterns.isEmpty {
            section.problem(key, "missing; a list of names, * within a segment, ** across: [\"team-a/**\"]")
        }
        for pattern in patterns
        where pattern.isEmpty || !pattern.utf8.allSatisfy({ $0 &- 97 < 26 || $0 &- 48 < 10 || "._-/*".utf8.contains($0) }) {
            section.problem(
                key, "'\(pattern)' holds what no repository's name does; names are lower-case letters, digits, . _ - and /")
        }
        return patterns
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
}
