import HTTP
import Registry

/// Reads `routes`.
struct RouteReader {
    let root: Section
    /// The sections of `upstreams`, also of those with problems: a problem in an upstream does not make a route to it wrong.
    let upstreams: [Section]

    func read() -> [Settings.Route] {
        let sections = root.sections("routes", "where repositories go. The longest prefix wins") ?? []
        let routes = sections.map { ($0, route($0)) }
        checkRoutesDiffer(routes)
        return routes.compactMap(\.1)
    }

    /// Of two routes for the same requests only the first would ever apply.
    private func checkRoutesDiffer(_ routes: [(section: Section, route: Settings.Route?)]) {
        struct Condition: Hashable { let host: HostName?, namespace: HostName?, prefix: [UInt8] }
        var first: [Condition: Int] = [:]
        for (index, (section, route)) in routes.enumerated() {
            guard let route else { continue }
            let condition = Condition(host: route.host, namespace: route.namespace, prefix: route.prefix)
            guard let first = first[condition] else {
                first[condition] = index
                continue
            }
            section.problem(
                section.has("prefix") ? "prefix" : "upstream",
                "this route never applies, since routes[\(first)] has the same host, namespace and prefix; remove one of them")
        }
    }

    private func route(_ section: Section) -> Settings.Route? {
        defer { section.finish() }
        let host = SharedKeys.host(section, "only for clients that address this host, at any port")
        let namespace = SharedKeys.namespace(section, "only for clients that mean this registry (containerd's `ns`)")
        let prefix = prefix(section, "prefix", "how the repository's name begins; may end inside a segment")
        let upstreamPrefix = self.prefix(section, "upstream_prefix", "what the prefix becomes there", standard: "the prefix")
        guard let upstream = section.required("upstream", "the name of one of upstreams", "the name of one of `upstreams`") else {
            return nil
        }
        let named = upstreams.filter { $0.has("name") }
        if !named.contains(where: { $0.readText("name") == upstream }) {
            let known = named.isEmpty ? "none has a name" : "known: \(named.map { $0.quoted("name") }.joined(separator: ", "))"
            section.problem("upstream", "no upstream is named \(section.quoted("upstream")); \(known)")
        }
        return Settings.Route(
            host: host, namespace: namespace, prefix: prefix ?? [], upstream: upstream,
            upstreamPrefix: upstreamPrefix ?? prefix ?? [])
    }

    /// Any text that a repository's name can start with, also inside a segment: `team-`.
    private func prefix(_ section: Section, _ key: String, _ meaning: String, standard: String = "") -> [UInt8]? {
        guard let text = section.string(key, meaning, standard: standard) else { return nil }
        if Repository(text + "a") != nil { return Array(text.utf8) }
        section.problem(
            key, "\(section.quoted(key)) is not the start of a repository name; write lower-case letters, digits, . _ - and /")
        return nil
    }
}
