import Access
import Configuration
import HTTP
import Registry

/// Tells which upstream has a repository, and what it is called there. A closed table: what a client sends chooses among its rows and is
/// never an address to dial.
struct Router: Sendable {
    struct Row: Sendable {
        /// What the repository's name must begin with, and what that becomes at the upstream.
        let prefix: [UInt8], upstreamPrefix: [UInt8]
        let upstream: Upstream
    }

    /// Rows of one upstream, the other way round: which lead to a name there.
    struct Reverse {
        private let trie: ByteTrie
        /// Those with the same prefix at the upstream.
        private let groups: [[Row]]

        init(_ rows: [Row]) {
            let groups = Dictionary(grouping: rows, by: \.upstreamPrefix)
            self.groups = Array(groups.values)
            trie = ByteTrie(groups.keys.enumerated().map { ($0.element, $0.offset) })
        }

        /// The rows with whose prefix at the upstream this name begins.
        func rows(for there: Repository) -> [Row] {
            there.bytes.withUnsafeBufferPointer { name in
                var walk = ByteTrie.Walk(), found: [Row] = []
                while case let number = trie.next(&walk, in: name), number >= 0 { found += groups[Int(number)] }
                return found
            }
        }
    }

    private let table: RouteTable
    /// By position in the table.
    private let upstreams: [Upstream]

    /// - Throws: a route names an upstream that does not exist.
    init(_ table: RouteTable, upstreams: [Upstream]) throws(ConfigurationProblems) {
        self.table = table
        self.upstreams = try table.routes.map { route throws(ConfigurationProblems) in
            // Not left out: a row with a shorter prefix would send its repositories to another account.
            guard let upstream = upstreams.first(where: { $0.name == route.upstream }) else {
                throw ConfigurationProblems(lines: ["routes: no upstream is named '\(route.upstream)'; name one of upstreams"])
            }
            return upstream
        }
    }

    /// The rows that apply to clients at a place.
    func rows(at place: Place) -> [Row] {
        table.indices(at: place).map {
            Row(prefix: table.routes[$0].prefix, upstreamPrefix: table.routes[$0].upstreamPrefix, upstream: upstreams[$0])
        }
    }

    /// The route of a request for a repository; nil: there is none.
    func route(_ request: RegistryRequest) -> Route? {
        guard let repository = request.endpoint.repository, var route = route(at: request.place, repository: repository) else {
            return nil
        }
        if let source = request.mount?.source, let there = self.route(at: request.place, repository: source),
            there.upstream === route.upstream
        {
            route.mountSource = there.upstreamRepository
        }
        return route
    }

    /// The route of a repository for clients at a place; nil: there is none.
    func route(at place: Place, repository: Repository) -> Route? {
        // The row decides even where the name becomes too long: another row would lead to another repository.
        guard let index = table.index(of: repository.bytes, at: place),
            let there = table.name(of: repository, byRouteAt: index)
        else { return nil }
        return Route(upstream: upstreams[index], repository: repository, upstreamRepository: there)
    }
}
