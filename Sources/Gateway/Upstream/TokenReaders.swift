import AWS
import Transport

/// A worker's view of the upstreams' tokens. Confined to its loop.
struct TokenReaders {
    private struct Entry {
        let upstream: Upstream
        var reader: Published<AuthorizationToken?>.Reader
        /// When the upstream last accepted its token.
        var acceptedAt: ContinuousClock.Instant?
    }

    /// A handful: a scan is shorter than a hash.
    private var entries: [Entry] = []

    /// A response this recent proves the token: a push asks for a layer just before it sends it.
    private static let proofTime = Duration.seconds(1)

    mutating func token(of upstream: Upstream) -> AuthorizationToken? { entries[index(of: upstream)].reader.read() }

    mutating func accepted(by upstream: Upstream, at now: ContinuousClock.Instant) {
        entries[index(of: upstream)].acceptedAt = now
    }

    mutating func rejected(by upstream: Upstream) { entries[index(of: upstream)].acceptedAt = nil }

    /// The upstream accepted its token a moment ago.
    mutating func isProven(at upstream: Upstream) -> Bool {
        entries[index(of: upstream)].acceptedAt.map { .now - $0 < Self.proofTime } ?? false
    }

    /// Forgets the upstreams that the configuration no longer has. An exchange that still goes to one of them adds it again.
    mutating func keep(only upstreams: [Upstream]) {
        entries.removeAll { entry in !upstreams.contains { $0 === entry.upstream } }
    }

    private mutating func index(of upstream: Upstream) -> Int {
        for index in entries.indices where entries[index].upstream === upstream { return index }
        entries.append(Entry(upstream: upstream, reader: .init(upstream.keeper.current)))
        return entries.count - 1
    }
}
