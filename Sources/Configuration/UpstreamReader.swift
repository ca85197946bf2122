import HTTP
import Registry

/// Reads `upstreams`.
struct UpstreamReader {
    let root: Section

    /// - Returns: the sections, also of upstreams with problems, for the routes that name them.
    func read(into settings: inout Settings) -> [Section] {
        let example = "at least one: - {name: main, registry: 123456789012.dkr.ecr.eu-west-1.amazonaws.com}"
        if !root.has("upstreams") { root.problem("upstreams", "missing; write \(example)") }
        let sections = root.sections("upstreams")
        if sections?.isEmpty == true { root.problem("upstreams", "this is empty; write \(example)") }
        settings.upstreams = (sections ?? []).compactMap(upstream)
        SharedKeys.checkNamesDiffer(sections ?? [])
        return sections ?? []
    }

    private func upstream(_ section: Section) -> Settings.Upstream? {
        defer { section.finish() }
        let name = section.required(
            "name", "a short word for routes, metrics and the log", "a short word for routes, metrics and the log")
        if let name, name.isEmpty || name.utf8.count > 64 || name.contains("/") {
            section.problem("name", "\(section.quoted("name")) is not a name; write 1 to 64 characters without a slash")
        }
        let registry = registry(section)
        let fallbacks = fallbacks(section, of: registry)
        let blobs = section.choice(
            "blobs", default: Settings.BlobMode.stream,
            "who follows ECR's redirect of a blob to S3: Berth (`stream`) or the client (`redirect`)")
        let clients = SharedKeys.networks(
            section, "redirect_clients",
            "with `blobs: redirect`, the networks whose clients follow the redirect; Berth streams to all others",
            standard: "all clients")
        if clients != nil, blobs != .redirect {
            section.problem("redirect_clients", "this has no effect without blobs: redirect; add that, or remove this key")
        }
        let hosts = section.values(
            "blob_hosts", "the only hosts that a blob's redirect may lead to, also at private addresses; `*.domain` is allowed",
            standard: "AWS at any address, other hosts over https at public addresses"
        ) { text in
            HostPattern(text).flatMap { $0.port == nil ? $0 : nil }
        } problem: { _ in
            "is not a host; write one like *.cloudfront.net"
        }
        let credentials = section.section("credentials").map { CredentialsReader(section: $0).read() }
        let creation = section.section("create_repositories", "repositories that a push creates. Absent: none").map(creation)
        if registry?.isPublic == true, creation != nil {
            section.problem("create_repositories", "Berth cannot create repositories in ECR Public; remove this key")
        }
        let limits = section.section("limits").map(limits) ?? UpstreamLimits()
        guard let name, let registry else { return nil }
        return Settings.Upstream(
            name: name, registry: registry, fallbacks: fallbacks, blobs: blobs, redirectClients: clients, blobHosts: hosts,
            credentials: credentials, createRepositories: creation, limits: limits)
    }

    private func limits(_ section: Section) -> UpstreamLimits {
        defer { section.finish() }
        var limits = UpstreamLimits()
        limits.concurrent = section.count(
            "concurrent", default: limits.concurrent, in: 0...100_000,
            "requests at the registry at the same time, of all clients. More wait in line, users in turn and small requests first, for at most 10 s, and then get 503 with `Retry-After`. `0`: no bound"
        )
        limits.requestsPerSecond = section.count(
            "requests_per_second", default: limits.requestsPerSecond, in: 0...100_000,
            "requests to the registry in a second, besides AWS's quotas: those of pushes are kept always, those of reads once ECR has limited one. More wait in the same line. `0`: no bound"
        )
        limits.quotas = quotas(section)
        return limits
    }

    private func quotas(_ section: Section) -> [UpstreamLimits.API: Int] {
        let names = UpstreamLimits.API.allCases.map(\.rawValue).joined(separator: ", "), bounds = 1...100_000
        let table = section.table(
            "quotas",
            "AWS's quotas of your account where they are not the default ones (Service Quotas in the AWS console), in requests a second, such as `{PutImage: 50}`. The names are \(names)"
        ) { name, value in
            guard UpstreamLimits.API(rawValue: name) != nil else {
                return "is no API of ECR that has a quota; known are \(names)"
            }
            guard let count = Int(value), bounds.contains(count) else {
                return "'\(value)' is not allowed; write a whole number from \(bounds.lowerBound) to \(bounds.upperBound)"
            }
            return nil
        }
        return table.reduce(into: [:]) { quotas, entry in
            if let api = UpstreamLimits.API(rawValue: entry.key) { quotas[api] = Int(entry.value) }
        }
    }

    private func registry(_ section: Section) -> ECRHost? {
        guard
            let text = section.required(
                "registry", ECRHost.allowed, "an ECR host, which also gives account, region and partition, or `public.ecr.aws`")
        else { return nil }
        guard let registry = ECRHost(HostName.normalized(text)) else {
            section.problem("registry", "\(section.quoted("registry")) is not a registry of ECR; write \(ECRHost.allowed)")
            return nil
        }
        return registry
    }

    /// Each one is another registry that AWS may replicate to.
    private func fallbacks(_ section: Section, of registry: ECRHost?) -> [ECRHost] {
        var earlier: [ECRHost] = []
        var problem = ""
        let fallbacks = section.values(
            "fallbacks",
            "replicas of the registry, at most \(Self.maxFallbacks): what it cannot serve is read from the first of them that can",
            standard: "none", form: "ECR hosts: [123456789012.dkr.ecr.eu-central-1.amazonaws.com]"
        ) { text -> ECRHost? in
            guard let host = ECRHost(HostName.normalized(text)) else {
                problem = "is not a registry of ECR; write \(ECRHost.allowedPrivate)"
                return nil
            }
            if let found = Self.problem(with: host, of: registry, after: earlier) {
                problem = found
                return nil
            }
            earlier.append(host)
            return host
        } problem: { _ in
            problem
        }
        if let count = fallbacks?.count, count > Self.maxFallbacks {
            section.problem("fallbacks", "these are \(count); write at most \(Self.maxFallbacks)")
        }
        return fallbacks ?? []
    }

    /// A read tries them one after the other while its client waits.
    private static let maxFallbacks = 4

    /// - Parameter earlier: the fallbacks before it.
    private static func problem(with fallback: ECRHost, of registry: ECRHost?, after earlier: [ECRHost]) -> String? {
        if fallback.isPublic || registry?.isPublic == true { return "cannot be used: ECR Public has no replicas; remove it" }
        func isSame(_ other: ECRHost) -> Bool { (other.account, other.region) == (fallback.account, fallback.region) }
        guard let registry else { return nil }
        if isSame(registry) { return "is the registry itself; name one of another region or account, or remove it" }
        if earlier.contains(where: isSame) { return "is here twice; keep one" }
        guard registry.partitionName != fallback.partitionName else { return nil }
        return
            "is in the partition \(fallback.partitionName) and the registry in \(registry.partitionName); AWS replicates within one"
    }

    private func creation(_ section: Section) -> Settings.RepositoryCreation {
        defer { section.finish() }
        return Settings.RepositoryCreation(
            match: SharedKeys.patterns(section, "match", "patterns of their names at the upstream"),
            tagMutability: section.choice(
                "tag_mutability", of: TagMutability.self, "whether a tag can move to another image", standard: "ECR's")?.rawValue,
            scanOnPush: section.flag("scan_on_push", "whether ECR scans images when they are pushed"),
            kmsKey: section.string("kms_key", "encrypts them; an alias, key id or ARN", standard: "ECR's own key"),
            tags: section.table("tags", "tags of the repositories, key to value"),
            policy: section.fileText("policy_file", "JSON file of the repository policy"),
            lifecyclePolicy: section.fileText("lifecycle_policy_file", "JSON file of the lifecycle policy"))
    }

    /// ECR's words.
    private enum TagMutability: String, CaseIterable { case mutable = "MUTABLE", immutable = "IMMUTABLE" }
}
