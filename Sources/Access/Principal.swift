package import Registry

/// A user, or the anonymous user, and what the rules allow it.
package final class Principal: Sendable {
    /// The user's name; `anonymous` for requests without credentials.
    package let name: String
    private let access: AccessTable

    /// - Parameter access: what is allowed; without rules, nothing is.
    package init(name: String, access: AccessTable) { (self.name, self.access) = (name, access) }

    /// - Parameter rules: one that allows an action is enough; with none, nothing is allowed.
    package convenience init(name: String, rules: [AccessRule]) { self.init(name: name, access: AccessTable(rules)) }

    /// Whether one of the actions is allowed at this place.
    /// - Parameter repository: nil (the catalog): whether the action is allowed on any repository; each one listed is then asked about by itself.
    package func may(anyOf actions: ActionSet, on repository: Repository?, at place: Place) -> Bool {
        access.first(allowing: actions, on: repository, at: place) != nil
    }

    /// The same decision, with the rule that it follows from.
    package func decision(anyOf actions: ActionSet, on repository: Repository?, at place: Place) -> AccessDecision {
        if let index = access.first(allowing: actions, on: repository, at: place) { return .allowed(rule: index) }
        let missed = access.rules.map { $0.mismatches(anyOf: actions, on: repository, at: place) }
        // A rule for the repository is nearer than one for others, whatever else it misses.
        let nearest = missed.indices.min { left, right in
            func weight(_ index: Int) -> (Int, Int) { (missed[index].contains(.repository) ? 1 : 0, missed[index].count) }
            return weight(left) < weight(right)
        }
        return .denied(nearest: nearest, misses: nearest.map { missed[$0] } ?? [])
    }
}
