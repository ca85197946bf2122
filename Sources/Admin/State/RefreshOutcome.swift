/// Whether a new token was fetched for a registry of an upstream.
package struct RefreshOutcome: Sendable, Encodable {
    /// The registry's host.
    let registry: String
    /// Whether it was.
    let fetched: Bool
    /// Why not, for people.
    let problem: String?

    /// - Parameter problem: nil where it was fetched, or where nothing is known yet.
    package init(registry: String, fetched: Bool, problem: String? = nil) {
        (self.registry, self.fetched, self.problem) = (registry, fetched, problem)
    }
}

/// The response to a refresh.
struct RefreshReport: Encodable {
    let message: String
    let registries: [RefreshOutcome]

    init(_ outcomes: [RefreshOutcome]) {
        registries = outcomes
        let fetched = outcomes.count(where: \.fetched)
        if fetched == outcomes.count {
            message = fetched == 1 ? "A new token was fetched." : "New tokens were fetched for all \(fetched) registries."
        } else {
            let problems = outcomes.filter { !$0.fetched }.map { "\($0.registry): \($0.problem ?? "no answer yet")" }
            message =
                "\(fetched == 0 ? "No new token could be fetched." : "New tokens were fetched for \(fetched) of \(outcomes.count) registries.") \(problems.joined(separator: "; "))"
        }
    }

    var isComplete: Bool { registries.allSatisfy(\.fetched) }
}
