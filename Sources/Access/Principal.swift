import Registry

/// What a user may do with repositories of these names.
public struct Rule: Sendable {
    let globs: [Glob]
    let actions: Set<Action>

    public init(repositories: [String], actions: Set<Action>) {
        globs = repositories.map { Glob($0) }
        self.actions = actions
    }
}

/// Who is asking, and what they may do.
public final class Principal: Sendable {
    public let name: String
    private let rules: [Rule]

    public init(name: String, rules: [Rule]) { (self.name, self.rules) = (name, rules) }

    /// Whether one of the actions is allowed. Without a repository (the catalog): on any of them, and each that it names is asked about.
    public func may(anyOf actions: [Action], on repository: Repository?) -> Bool {
        rules.contains { rule in
            actions.contains(where: rule.actions.contains)
                && rule.globs.contains { glob in repository.map { glob.matches($0.bytes) } ?? true }
        }
    }
}
