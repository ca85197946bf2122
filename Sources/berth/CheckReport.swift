import Foundation

/// What `berth check` found, step by step: for people as lines, for machines as JSON. Holds no secret.
struct CheckReport: Encodable {
    struct Step: Encodable {
        enum Outcome: String, Encodable { case ok, warning, failed }
        /// `address`, `certificate`; of an upstream `credentials`, `identity`, `token`, `api`, `registry`, `storage`.
        let step: String
        let outcome: Outcome
        /// What was found, or what is wrong.
        let detail: String
        /// More lines: places passed over, the certificate seen, a policy statement to paste.
        var notes: [String] = []
        /// For machines, by step: `source`, `access_key_id`, `arn`, `account`, `expires`, `address`, `error`.
        var facts: [String: String] = [:]
    }

    struct Upstream: Encodable {
        let name: String
        let registry: String
        var steps: [Step] = []
        var isWell: Bool { !steps.contains { $0.outcome == .failed } }
    }

    /// Where the configuration was read from: a file's path, or `environment`.
    let configuration: String
    /// What is allowed there and perhaps not meant.
    let warnings: [String]
    let users: Int
    var listeners: [Step] = []
    var upstreams: [Upstream] = []
    var isWell: Bool { upstreams.allSatisfy(\.isWell) && !listeners.contains { $0.outcome == .failed } }
    /// `serve` would start with it.
    var isConfigurationWell: Bool { !listeners.contains { $0.step == "address" && $0.outcome == .failed } }

    enum CodingKeys: String, CodingKey { case ok, configuration, warnings, users, listeners, upstreams }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(isWell, forKey: .ok)
        try container.encode(configuration, forKey: .configuration)
        try container.encode(warnings, forKey: .warnings)
        try container.encode(users, forKey: .users)
        try container.encode(listeners, forKey: .listeners)
        try container.encode(upstreams, forKey: .upstreams)
    }

    var json: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        // Strings and arrays of them can always be written.
        return (try? encoder.encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
    }
}

extension CheckReport.Upstream {
    /// `main: 123456789012.dkr.ecr.eu-west-1.amazonaws.com`
    var title: String { "\(name): \(registry)" }
}

extension CheckReport.Step {
    var lines: [String] {
        let mark = outcome == .ok ? "ok   " : outcome == .warning ? "warn " : "FAIL "
        return ["  \(mark) \(step): \(detail)"] + notes.map { "          \($0)" }
    }
}
