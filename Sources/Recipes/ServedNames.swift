import Access
import Configuration
import HTTP
import Registry

/// What recipes ask of the configuration's routes. The gateway's router leads to upstreams with their credentials and tokens, which a recipe does
/// without.
struct ServedNames {
    private let table: RouteTable
    /// The deciding ones first.
    private let routes: [Settings.Route]

    init(_ settings: Settings) {
        table = settings.routeTable
        routes = table.indices.map { [table] in table.routes[$0] }
    }

    /// What the routes' names begin with.
    var prefixes: [String] { routes.map { String(decoding: $0.prefix, as: UTF8.self) }.filter { !$0.isEmpty } }

    /// The hosts that routes without a namespace name.
    var hosts: [HostName] { routes.filter { $0.namespace == nil }.compactMap(\.host) }

    /// The upstream of a repository for clients at a place, and the repository's name there; nil: no route leads anywhere.
    func target(of repository: Repository, at place: Place) -> (upstream: String, repository: Repository)? {
        guard let index = table.index(of: repository.bytes, at: place) else { return nil }
        return table.name(of: repository, byRouteAt: index).map { (table.routes[index].upstream, $0) }
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
