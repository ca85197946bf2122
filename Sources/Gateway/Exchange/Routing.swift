import Access
import HTTP
import Registry

/// Which upstream a repository is at, and what it is called there. A closed table: what a client sends chooses among its rows and
/// is never a place to dial.
struct Router: Sendable {
    struct Row: Sendable {
        /// nil: any.
        let host: HostName?
        /// nil: any, and none.
        let namespace: HostName?
        let prefix: [UInt8]
        let upstream: Upstream
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

    /// Those that a client can reach from there.
    func rows(at place: Place) -> [Row] { rows.filter { place.isWithin(host: $0.host, namespace: $0.namespace) } }

    func route(at place: Place, repository: Repository?) -> Route? {
        let name = repository?.bytes ?? []
        for row in rows where name.starts(with: row.prefix) && place.isWithin(host: row.host, namespace: row.namespace) {
            guard let repository else { return Route(upstream: row.upstream, repository: nil, upstreamRepository: nil) }
            guard row.prefix != row.upstreamPrefix else {
                return Route(upstream: row.upstream, repository: repository, upstreamRepository: repository)
            }
            // The row is its own even where the name is too long there: another row would be another repository.
            guard let renamed = repository.replacing(prefix: row.prefix, with: row.upstreamPrefix) else { return nil }
            return Route(upstream: row.upstream, repository: repository, upstreamRepository: renamed)
        }
        return nil
    }

    /// Where the blob of a mount is upstream; nil: no mount is asked, or it is at another upstream.
    func mountSource(of call: Call, at place: Place, in upstream: Upstream) -> Repository? {
        guard let source = call.mount?.source, let there = route(at: place, repository: source),
            there.upstream === upstream
        else { return nil }
        return there.upstreamRepository
    }
}

/// A repository's place upstream.
struct Route {
    let upstream: Upstream
    let repository: Repository?
    let upstreamRepository: Repository?

    private var isRenamed: Bool { repository != upstreamRepository }

    /// Path and query as the upstream gets them. Byte for byte the client's, unless something of it means another thing there.
    /// - Parameter mount: where the blob of a mount is upstream; nil when it is not at this upstream, or was not named.
    func target(of call: Call, asSent: ArraySlice<UInt8>, mount: Repository?) -> [UInt8] {
        let isMount =
            call.operation == .uploadStart && (call.target.parameter("mount") != nil || call.target.parameter("from") != nil)
        let isOwn =
            call.namespace != nil || call.isMonolithic || call.count != nil || call.target.parameter(UploadState.parameter) != nil
        guard isRenamed || isMount || isOwn else { return Array(asSent) }
        var target = call.target.path
        if isRenamed, let repository, let upstreamRepository {
            target = Array("/v2/".utf8) + upstreamRepository.bytes + target.dropFirst(4 + repository.bytes.count)
        }
        var dropped: [StaticString] = ["ns", UploadState.parameter]
        // Of referrers, where the specification has none; ECR refuses large ones (ECR 1.2). The other lists are made here.
        if call.count != nil { dropped.append("n") }
        if isMount { dropped.append("from") }
        // A mount that cannot be: the specification lets a registry open a session in its place.
        if mount == nil { dropped.append("mount") }
        // What ECR makes of a digest here is not known (ECR 1.5).
        if call.isMonolithic { dropped.append("digest") }
        var query = call.target.query(without: dropped)
        // The name under which pulling from it was allowed, as it is called there.
        if let mount { query += Array("&from=".utf8) + mount.bytes }
        return query.isEmpty ? target : target + [UInt8(ascii: "?")] + query
    }

    /// The target of the next page that a `Link` of the upstream's names; nil: it names none, or one elsewhere.
    func nextPage(_ link: ArraySlice<UInt8>) -> [UInt8]? {
        let name = upstreamRepository?.bytes ?? []
        let rewriting = Rewriting(origin: upstream.origin, clientRepository: name, upstreamRepository: name, publicURL: [])
        return rewriting.link(link).map { Array($0.dropFirst().prefix { $0 != UInt8(ascii: ">") }) }
    }

    func rewriting(publicURL: [UInt8]) -> Rewriting {
        Rewriting(
            origin: upstream.origin, clientRepository: repository?.bytes ?? [], upstreamRepository: upstreamRepository?.bytes ?? [],
            publicURL: publicURL)
    }
}
