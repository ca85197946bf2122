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

    func allows(anyOf wanted: [Action], on repository: Repository?, at place: Place) -> Bool {
        wanted.contains(where: actions.contains) && place.isWithin(host: host, namespace: namespace)
            && repositories.contains { glob in repository.map { glob.matches($0.bytes) } ?? true }
    }
}
