package import Access
import HTTP
package import Registry

/// Where repositories go, compiled from `routes` for look-ups. The longest prefix decides, then whether host and namespace are named, then the
/// file's order. The gateway's router, recipes and the warnings of a configuration all use this one. A look-up takes time in the order of the
/// name's length, however many routes there are.
package struct RouteTable: Sendable {
    /// In the configuration's order.
    package let routes: [Settings.Route]
    /// Positions in `routes`, the deciding ones first.
    private let order: [Int]
    /// By position in `routes`: its own in `order`.
    private let ranks: [Int]
    private let places: PlaceTable
    /// The prefixes of the routes for one kind of place, by the numbers of `places`.
    private let prefixes: [ByteTrie]

    /// - Parameter routes: in the configuration's order.
    package init(_ routes: [Settings.Route]) {
        self.routes = routes
        func weight(_ index: Int) -> (Int, Int) {
            let route = routes[index]
            return (route.prefix.count, (route.host == nil ? 0 : 1) + (route.namespace == nil ? 0 : 1))
        }
        order = routes.indices.sorted { left, right in
            let (a, b) = (weight(left), weight(right))
            return a == b ? left < right : a > b
        }
        var ranks = [Int](repeating: 0, count: routes.count)
        for (rank, index) in order.enumerated() { ranks[index] = rank }
        let places = PlaceTable(routes.map { PlaceTable.Condition(host: $0.host, namespace: $0.namespace) })
        var groups = [[(bytes: [UInt8], number: Int)]](repeating: [], count: places.count)
        for (index, route) in routes.enumerated() { groups[places.members[index]].append((route.prefix, index)) }
        (self.ranks, self.places, prefixes) = (ranks, places, groups.map { ByteTrie($0) })
    }

    /// The position of the route of a repository for clients at a place; nil: there is none. Allocates nothing.
    /// - Parameter name: a repository's, or how one begins.
    package func index(of name: [UInt8], at place: Place) -> Int? {
        let numbers = places.covering(place)
        return name.withUnsafeBufferPointer { text in
            var found: Int?
            for position in 0..<numbers.count {
                let index = Int(prefixes[numbers[position]].longest(in: text))
                if index >= 0, found.map({ ranks[index] < ranks[$0] }) ?? true { found = index }
            }
            return found
        }
    }

    /// The positions of the routes that apply to clients at a place, the deciding ones first.
    package func indices(at place: Place) -> [Int] {
        order.filter { place.isWithin(host: routes[$0].host, namespace: routes[$0].namespace) }
    }

    /// The positions of all routes, the deciding ones first.
    package var indices: [Int] { order }

    /// The upstream's name of a repository that a route is for; nil: it would not be a valid name.
    package func name(of repository: Repository, byRouteAt index: Int) -> Repository? {
        let route = routes[index]
        if route.prefix == route.upstreamPrefix { return repository }
        return repository.replacing(prefix: route.prefix, with: route.upstreamPrefix)
    }
}
