import Access
import HTTP
import Registry

/// Tells which upstream has a repository, and what it is called there. A closed table: what a client sends chooses among its rows and is
/// never an address to dial.
struct Router: Sendable {
    struct Row: Sendable {
        /// The host that the client must have addressed; nil: any.
        let host: HostName?
        /// The registry that the client must mean (`ns`); nil: any, and none.
        let namespace: HostName?
        /// What the repository's name must begin with.
        let prefix: [UInt8]
        let upstream: Upstream
        /// What the prefix becomes there.
        let upstreamPrefix: [UInt8]
    }

    /// The longest prefix decides, then whether host and namespace are named; the file's order between equals.
    private let rows: [Row]

    init(_ rows: [Row]) {
        func weight(_ row: Row) -> (Int, Int) { (row.prefix.count, (row.host == nil ? 0 : 1) + (row.namespace == nil ? 0 : 1)) }
        self.rows = rows.enumerated().sorted { left, right in
            let (a, b) = (weight(left.element), weight(right.element))
            return a == b ? left.offset < right.offset : a > b
        }.map(\.element)
    }

    /// The rows that apply to clients at a place.
    func rows(at place: Place) -> [Row] { rows.filter { place.isWithin(host: $0.host, namespace: $0.namespace) } }

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
        for row in rows where repository.bytes.starts(with: row.prefix) && place.isWithin(host: row.host, namespace: row.namespace)
        {
            guard row.prefix != row.upstreamPrefix else {
                return Route(upstream: row.upstream, repository: repository, upstreamRepository: repository)
            }
            // The row decides even where the name becomes too long: another row would lead to another repository.
            guard let renamed = repository.replacing(prefix: row.prefix, with: row.upstreamPrefix) else { return nil }
            return Route(upstream: row.upstream, repository: repository, upstreamRepository: renamed)
        }
        return nil
    }
}
