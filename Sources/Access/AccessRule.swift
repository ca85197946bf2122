package import HTTP
package import Registry

/// What a user may do with some repositories, at some place: one entry of an `access` list.
package struct AccessRule: Sendable, Equatable {
    /// Patterns of the names that clients use; one that matches is enough.
    package let repositories: [Glob]
    /// What is allowed.
    package let actions: Set<Action>
    /// The host at which the client must address the gateway, on any port; nil: any host.
    package let host: HostName?
    /// The registry that the client must mean (containerd's `ns`, ECR 6); nil: any, and none.
    package let namespace: HostName?

    /// nil for `host` or `namespace`: any.
    package init(repositories: [Glob], actions: Set<Action>, host: HostName? = nil, namespace: HostName? = nil) {
        (self.repositories, self.actions, self.host, self.namespace) = (repositories, actions, host, namespace)
    }

    private func covers(_ repository: Repository?) -> Bool {
        repositories.contains { glob in repository.map { glob.matches($0.bytes) } ?? true }
    }

    /// What keeps the rule from allowing this, for a person who asks why; empty: it allows it.
    func mismatches(anyOf wanted: ActionSet, on repository: Repository?, at place: Place) -> [AccessDecision.Mismatch] {
        var found: [AccessDecision.Mismatch] = []
        if !covers(repository) { found.append(.repository) }
        if ActionSet(actions).isDisjoint(with: wanted) { found.append(.action) }
        if !place.isWithin(host: host, namespace: nil) { found.append(.host) }
        if !place.isWithin(host: nil, namespace: namespace) { found.append(.namespace) }
        return found
    }
}
