import Access
import Configuration
import HTTP
import Registry

/// Where the configuration's routes lead, as the gateway's router decides it: the longest prefix, then the number of conditions, then the file's
/// order. The router itself leads to upstreams with their credentials and tokens, which a recipe does without.
struct RouteTable {
    private struct Row {
        var host: HostName?
        var namespace: HostName?
        var prefix: [UInt8] = []
        let upstream: String
        var upstreamPrefix: [UInt8] = []
    }
    private let routes: [Row]

    init(_ settings: Settings) {
        var all = settings.routes.map {
            Row(host: $0.host, namespace: $0.namespace, prefix: $0.prefix, upstream: $0.upstream, upstreamPrefix: $0.upstreamPrefix)
        }
        // Without routes, every repository goes to the first upstream under its own name.
        if all.isEmpty { all = settings.upstreams.prefix(1).map { Row(upstream: $0.name) } }
        func weight(_ row: Row) -> (Int, Int) { (row.prefix.count, (row.host == nil ? 0 : 1) + (row.namespace == nil ? 0 : 1)) }
        routes = all.enumerated().sorted { left, right in
            let (a, b) = (weight(left.element), weight(right.element))
            return a == b ? left.offset < right.offset : a > b
        }.map(\.element)
    }

    /// What the routes' names begin with.
    var prefixes: [String] { routes.map { String(decoding: $0.prefix, as: UTF8.self) }.filter { !$0.isEmpty } }

    /// The hosts that routes without a namespace name.
    var hosts: [HostName] { routes.filter { $0.namespace == nil }.compactMap(\.host) }

    /// The upstream of a repository for clients at a place, and the repository's name there; nil: no route leads anywhere.
    func target(of repository: Repository, at place: Place) -> (upstream: String, repository: Repository)? {
        let route = routes.first {
            repository.bytes.starts(with: $0.prefix) && place.isWithin(host: $0.host, namespace: $0.namespace)
        }
        guard let route, let there = repository.replacing(prefix: route.prefix, with: route.upstreamPrefix) else { return nil }
        return (route.upstream, there)
    }

    /// What clients at a place put before a name so that it leads to an upstream's repositories with a prefix; nil: no route leads there.
    func clientPrefix(of upstream: String, _ upstreamPrefix: [UInt8], at place: Place) -> [UInt8]? {
        for route in routes where route.upstream == upstream && place.isWithin(host: route.host, namespace: route.namespace) {
            guard upstreamPrefix.starts(with: route.upstreamPrefix) else { continue }
            let prefix = route.prefix + upstreamPrefix.dropFirst(route.upstreamPrefix.count)
            // It leads there, and not by a longer prefix to another place.
            guard let name = Repository(prefix + Array("a".utf8)), let found = target(of: name, at: place),
                found.upstream == upstream, found.repository.bytes == upstreamPrefix + Array("a".utf8)
            else { continue }
            return prefix
        }
        return nil
    }
}
