import AWS
import Transport

/// A worker's view of the upstreams' tokens. Confined to its loop.
struct TokenReaders {
    private struct Entry {
        let upstream: Upstream
        var reader: Published<AuthorizationToken?>.Reader
        /// When the upstream last took its token.
        var servedAt: ContinuousClock.Instant?
    }

    /// A handful: a scan is shorter than a hash.
    private var entries: [Entry] = []

    /// An answer that recent shows the token good: a push asks for a layer just before it sends it.
    private static let lately = Duration.seconds(1)

    mutating func token(of upstream: Upstream) -> AuthorizationToken? { entries[place(of: upstream)].reader.read() }

    mutating func served(_ upstream: Upstream) { entries[place(of: upstream)].servedAt = .now }

    mutating func servedLately(_ upstream: Upstream) -> Bool {
        entries[place(of: upstream)].servedAt.map { .now - $0 < Self.lately } ?? false
    }

    /// The others are gone from the configuration. An exchange that still goes to one of them has it read anew.
    mutating func keep(only upstreams: [Upstream]) {
        entries.removeAll { entry in !upstreams.contains { $0 === entry.upstream } }
    }

    private mutating func place(of upstream: Upstream) -> Int {
        if let known = entries.firstIndex(where: { $0.upstream === upstream }) { return known }
        entries.append(Entry(upstream: upstream, reader: .init(upstream.keeper.current)))
        return entries.count - 1
    }
}
