package import Registry

/// Where contents come from: a repository of one registry. Contents are shared, the permission to read them is not: what one source has
/// confirmed opens nothing for another one, also when an upstream of the same name leads to another account.
package struct ContentSource: Hashable, Comparable, Sendable {
    /// The name of the upstream in the configuration.
    package let upstream: String
    /// The host of the registry, as configured.
    package let registry: String
    /// Its name at the registry.
    package let repository: Repository

    package init(upstream: String, registry: String, repository: Repository) {
        (self.upstream, self.registry, self.repository) = (upstream, registry, repository)
    }

    /// By the repository first: most have the rest in common.
    package static func < (a: ContentSource, b: ContentSource) -> Bool {
        guard a.repository == b.repository else { return a.repository.bytes.lexicographicallyPrecedes(b.repository.bytes) }
        return (a.registry, a.upstream) < (b.registry, b.upstream)
    }

    /// As it is written down: three fields between tabs. nil: a name has a control character, and is not kept.
    var fields: String? {
        guard (upstream + registry).utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f }) else { return nil }
        return "\(upstream)\t\(registry)\t\(repository)"
    }

    /// - Returns: nil: not what `fields` makes.
    init?(fields: ArraySlice<String>) {
        guard fields.count == 3, let last = fields.last, let repository = Repository(last) else { return nil }
        self.init(upstream: fields[fields.startIndex], registry: fields[fields.startIndex + 1], repository: repository)
    }
}
