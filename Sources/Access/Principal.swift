package import HTTP
package import Registry

/// What a user may do with repositories of these names, at this place.
package struct Rule: Sendable {
    private let globs: [Glob]
    private let actions: Set<Action>
    /// nil: at any.
    private let host: HostName?, namespace: HostName?

    /// - Parameters:
    ///   - host: where the client must have addressed the gateway; nil: anywhere.
    ///   - namespace: the registry that the client must mean (`ns`); nil: any, and none.
    package init(repositories: [String], actions: Set<Action>, host: HostName? = nil, namespace: HostName? = nil) {
        globs = repositories.map { Glob($0) }
        self.actions = actions
        (self.host, self.namespace) = (host, namespace)
    }

    func allows(anyOf wanted: [Action], on repository: Repository?, at place: Place) -> Bool {
        wanted.contains(where: actions.contains) && place.isWithin(host: host, namespace: namespace)
            && globs.contains { glob in repository.map { glob.matches($0.bytes) } ?? true }
    }
}

/// Who is asking, and what they may do.
package final class Principal: Sendable {
    package let name: String
    private let rules: [Rule]

    package init(name: String, rules: [Rule]) { (self.name, self.rules) = (name, rules) }

    /// Whether one of the actions is allowed there. Without a repository (the catalog): on any of them, and each that it names is asked about.
    package func may(anyOf actions: [Action], on repository: Repository?, at place: Place) -> Bool {
        rules.contains { $0.allows(anyOf: actions, on: repository, at: place) }
    }
}
