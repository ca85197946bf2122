package import Registry

/// A user, or the anonymous user, and what the rules allow it.
package final class Principal: Sendable {
    /// The user's name; `anonymous` for requests without credentials.
    package let name: String
    private let rules: [AccessRule]

    /// - Parameter rules: one that allows an action is enough; with none, nothing is allowed.
    package init(name: String, rules: [AccessRule]) { (self.name, self.rules) = (name, rules) }

    /// Whether one of the actions is allowed at this place.
    /// - Parameter repository: nil (the catalog): whether the action is allowed on any repository; each one listed is then asked about by itself.
    package func may(anyOf actions: [Action], on repository: Repository?, at place: Place) -> Bool {
        rules.contains { $0.allows(anyOf: actions, on: repository, at: place) }
    }

    /// The same decision, with the rule that it follows from.
    package func decision(anyOf actions: [Action], on repository: Repository?, at place: Place) -> AccessDecision {
        if let index = rules.firstIndex(where: { $0.allows(anyOf: actions, on: repository, at: place) }) {
            return .allowed(rule: index)
        }
        let missed = rules.map { $0.mismatches(anyOf: actions, on: repository, at: place) }
        // A rule for the repository is nearer than one for others, whatever else it misses.
        let nearest = missed.indices.min { left, right in
            func weight(_ index: Int) -> (Int, Int) { (missed[index].contains(.repository) ? 1 : 0, missed[index].count) }
            return weight(left) < weight(right)
        }
        return .denied(nearest: nearest, misses: nearest.map { missed[$0] } ?? [])
    }
}
