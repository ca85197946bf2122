import HTTP
import Registry

/// `upstreams` and `routes`.
extension SettingsReader {
    func upstreams(_ settings: inout Settings, _ root: Section) {
        let example = "at least one: - {name: main, registry: 123456789012.dkr.ecr.eu-west-1.amazonaws.com}"
        if !root.has("upstreams") { root.problem("upstreams", "missing; write \(example)") }
        let sections = root.sections("upstreams")
        if sections?.isEmpty == true { root.problem("upstreams", "this is empty; write \(example)") }
        settings.upstreams = (sections ?? []).compactMap(upstream)
        distinct(sections ?? [], by: "name")
        settings.routes = (root.sections("routes") ?? []).compactMap { route($0, to: sections ?? []) }
    }

    private func upstream(_ section: Section) -> Settings.Upstream? {
        defer { section.finish() }
        let name = section.required("name", "a short word, as routes, metrics and the log are to say it")
        if let name, name.isEmpty || name.utf8.count > 64 || name.contains("/") {
            section.problem("name", "\(section.written("name")) is not a name; write 1 to 64 characters without a slash")
        }
        let registry = registry(section)
        let blobs = section.one("blobs", of: Settings.BlobMode.self) ?? .stream
        let clients = networks(section, "redirect_clients")
        if clients != nil, blobs != .redirect {
            section.problem("redirect_clients", "without blobs: redirect nobody is redirected; write that, or take this away")
        }
        let hosts = section.strings("blob_hosts") { text in
            Addresses.isHost(text.hasPrefix("*.") ? text.dropFirst(2) : text[...])
                ? nil : "is not a host; write one like *.cloudfront.net"
        }
        let credentials = section.section("credentials").map(credentials)
        let creation = section.section("create_repositories").map(creation)
        if registry?.isPublic == true, creation != nil {
            section.problem("create_repositories", "repositories of ECR Public are made by hand; take this away")
        }
        guard let name, let registry else { return nil }
        return Settings.Upstream(
            name: name, registry: registry, blobs: blobs, redirectClients: clients, blobHosts: hosts, credentials: credentials,
            createRepositories: creation)
    }

    private func registry(_ section: Section) -> ECRHost? {
        guard let text = section.required("registry", ECRHost.allowed) else { return nil }
        guard let registry = ECRHost(HostName.normalized(text)) else {
            section.problem("registry", "\(section.written("registry")) is not a registry of ECR; write \(ECRHost.allowed)")
            return nil
        }
        return registry
    }

    private func credentials(_ section: Section) -> Settings.Credentials {
        defer { section.finish() }
        var credentials = Settings.Credentials()
        credentials.source = section.one("source", of: Settings.Credentials.Source.self) ?? .automatic
        credentials.profile = section.string("profile")
        if credentials.profile != nil, ![.automatic, .profile, .process, .webIdentity].contains(credentials.source) {
            section.problem("profile", "a profile has no part in source \(section.written("source")); take one of them away")
        }
        credentials.assumeRole = section.section("assume_role").flatMap(assumeRole)
        return credentials
    }

    private func assumeRole(_ section: Section) -> Settings.AssumeRole? {
        defer { section.finish() }
        let example = "the role's ARN, like arn:aws:iam::123456789012:role/pull"
        let arn = section.required("arn", example)
        if let arn, !Self.isRoleARN(arn) {
            section.problem("arn", "\(section.written("arn")) is not the ARN of a role; write \(example)")
        }
        let externalID = section.string("external_id"), name = section.string("session_name") ?? "berth"
        // STS's own bounds (ECR 4.3).
        if let externalID, !Self.isPlain(externalID, count: 2...1224, others: "_+=,.@:/-") {
            section.problem("external_id", "\(section.written("external_id")) is not 2 to 1224 letters, digits and _+=,.@:/-")
        }
        if !Self.isPlain(name, count: 2...64, others: "_+=,.@-") {
            section.problem("session_name", "\(section.written("session_name")) is not 2 to 64 letters, digits and _+=,.@-")
        }
        let duration = section.duration("duration", in: .seconds(900) ... .seconds(43200)) ?? .seconds(3600)
        return arn.map { Settings.AssumeRole(arn: $0, externalID: externalID, sessionName: name, duration: duration) }
    }

    private static func isRoleARN(_ text: String) -> Bool {
        let parts = text.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
        return parts.count == 6 && parts[0] == "arn" && parts[1].hasPrefix("aws") && parts[2] == "iam" && parts[4].utf8.count == 12
            && parts[4].utf8.allSatisfy { $0 &- 48 < 10 } && parts[5].hasPrefix("role/") && parts[5].utf8.count > 5
            && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
    }

    private static func isPlain(_ text: String, count: ClosedRange<Int>, others: String) -> Bool {
        count.contains(text.utf8.count)
            && text.utf8.allSatisfy { ($0 | 0x20) &- 97 < 26 || $0 &- 48 < 10 || others.utf8.contains($0) }
    }

    private func creation(_ section: Section) -> Settings.RepositoryCreation {
        defer { section.finish() }
        enum Mutability: String, CaseIterable { case MUTABLE, IMMUTABLE }
        return Settings.RepositoryCreation(
            match: patterns(section, "match"), tagMutability: section.one("tag_mutability", of: Mutability.self)?.rawValue,
            scanOnPush: section.flag("scan_on_push"), kmsKey: section.string("kms_key"), tags: section.table("tags"),
            policy: section.fileText("policy_file"), lifecyclePolicy: section.fileText("lifecycle_policy_file"))
    }

    private func route(_ section: Section, to upstreams: [Section]) -> Settings.Route? {
        defer { section.finish() }
        let host = host(section), namespace = namespace(section)
        let prefix = nameStart(section, "prefix"), upstreamPrefix = nameStart(section, "upstream_prefix")
        guard let upstream = section.required("upstream", "the name of one of upstreams") else { return nil }
        // Of all sections: another mistake in an upstream does not make a route to it wrong.
        let named = upstreams.filter { $0.has("name") }
        if !named.contains(where: { $0.text("name") == upstream }) {
            let known = named.isEmpty ? "none has a name" : "there are \(named.map { $0.written("name") }.joined(separator: ", "))"
            section.problem("upstream", "\(section.written("upstream")) is not the name of one of upstreams; \(known)")
        }
        return Settings.Route(
            host: host, namespace: namespace, prefix: prefix ?? "", upstream: upstream,
            upstreamPrefix: upstreamPrefix ?? prefix ?? "")
    }

    /// Where a client addresses the gateway.
    func host(_ section: Section) -> String? {
        guard let host = section.string("host") else { return nil }
        if Addresses.isHost(host) { return host }
        section.problem("host", "\(section.written("host")) is not a host; write one like registry.example.com, without a port")
        return nil
    }

    /// The registry that containerd means.
    func namespace(_ section: Section) -> String? {
        guard let namespace = section.string("namespace") else { return nil }
        if Addresses.isHost(namespace) || Addresses.isHostAndPort(namespace) { return namespace }
        section.problem("namespace", "\(section.written("namespace")) is not a registry's host; write one like docker.io")
        return nil
    }

    private func nameStart(_ section: Section, _ key: String) -> String? {
        guard let text = section.string(key) else { return nil }
        if Repository(text + "a") == nil {
            section.problem(
                key,
                "\(section.written(key)) is not the start of a repository's name; write lower-case letters, digits, . _ - and /")
        }
        return text
    }
}
