import Configuration
import FoundationEssentials

/// The result of `berth check`, step by step, as lines or as JSON. It holds no secrets.
struct CheckReport: Encodable {
    struct Step: Encodable {
        enum Outcome: String, Encodable { case ok, warning, failed }
        /// `address`, `certificate`; of the cache `directory`, `size`; of an upstream `credentials`, `identity`, `token`, `api`, `registry`, `storage`;
        /// of a repository `route`, `manifest`, `platforms`, `blobs`, `fallback`, `tags`, `push`, `delete`.
        let step: String
        let outcome: Outcome
        /// What was found, or what is wrong and how to mend it.
        let detail: String
        /// Further lines: places without credentials, the certificate received, a policy statement to add.
        var notes: [String] = []
        /// For JSON, by step: `source`, `access_key_id`, `arn`, `account`, `expires`, `address`, `error`.
        var facts: [String: String] = [:]
    }

    struct Upstream: Encodable {
        let name: String
        let registry: String
        /// Of `fallbacks`, each of which follows its upstream's registry.
        let isFallback: Bool
        var steps: [Step] = []
        var isOK: Bool { !steps.contains { $0.outcome == .failed } }
        /// Whether requests could be sent to the registry.
        var hasToken: Bool { steps.contains { $0.step == "token" && $0.outcome == .ok } }

        enum CodingKeys: String, CodingKey {
            case name, registry, steps
            case isFallback = "fallback"
        }
    }

    /// The repository that was asked about.
    struct Repository: Encodable {
        /// As the client names it.
        let name: String
        var steps: [Step] = []
    }

    /// Where the configuration was read from: a file's path, or `environment`.
    let configuration: String
    /// What is valid there but perhaps not intended.
    let warnings: [String]
    let users: Int
    var listeners: [Step] = []
    /// nil: nothing is kept.
    var cache: [Step]?
    var upstreams: [Upstream] = []
    /// nil: `--repository` was not given.
    var repository: Repository?
    var isOK: Bool {
        upstreams.allSatisfy(\.isOK) && !(listeners + (cache ?? []) + (repository?.steps ?? [])).contains { $0.outcome == .failed }
    }
    /// Whether `serve` could listen on all addresses if no other program did.
    var canListen: Bool { !listeners.contains { $0.step == "address" && $0.outcome == .failed && $0.facts["error"] != "in_use" } }

    enum CodingKeys: String, CodingKey { case ok, configuration, warnings, users, listeners, cache, upstreams, repository }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(isOK, forKey: .ok)
        try container.encode(configuration, forKey: .configuration)
        try container.encode(warnings, forKey: .warnings)
        try container.encode(users, forKey: .users)
        try container.encode(listeners, forKey: .listeners)
        try container.encodeIfPresent(cache, forKey: .cache)
        try container.encode(upstreams, forKey: .upstreams)
        try container.encodeIfPresent(repository, forKey: .repository)
    }

    /// The report on a configuration that cannot be used, with each problem.
    struct Rejection: Encodable {
        let ok = false
        let problems: [ConfigurationProblem]
    }
}

extension Encodable {
    /// As `check --json` prints it.
    var report: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        // Encoding strings, numbers and arrays of them does not fail.
        return (try? encoder.encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
    }
}

extension CheckReport.Upstream {
    /// `main: 123456789012.dkr.ecr.eu-west-1.amazonaws.com`
    var title: String { "\(name): \(isFallback ? "fallback " : "")\(registry)" }
}
