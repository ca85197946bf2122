import AWS
import Transport

/// A worker's view of the upstreams' tokens. Confined to its loop.
struct TokenReaders {
    private struct Entry {
        let upstream: Upstream
        var reader: Published<AuthorizationToken?>.Reader
        /// When the upstream last accepted a token.
        var acceptedAt: ContinuousClock.Instant?
        /// Of that token.
        var acceptedGeneration = 0

        mutating func accept(_ generation: Int, at now: ContinuousClock.Instant) {
            (acceptedAt, acceptedGeneration) = (now, generation)
        }
    }

    /// A handful: a scan is shorter than a hash.
    private var entries: [Entry] = []

    /// A response this recent proves the token. Tokens end early only when somebody ends them: an upload that meets such an end is sent again by its client.
    static let proofTime = Duration.seconds(60)

    mutating func token(of upstream: Upstream) -> AuthorizationToken? { entries[index(of: upstream)].reader.read() }

    mutating func accepted(_ generation: Int, by upstream: Upstream, at now: ContinuousClock.Instant) {
        entries[index(of: upstream)].accept(generation, at: now)
    }

    /// The upstream has rejected a token: what it said before counts no more.
    mutating func rejected(by upstream: Upstream) { entries[index(of: upstream)].acceptedAt = nil }

    /// The upstream accepted this token a moment ago.
    mutating func isProven(_ generation: Int, at upstream: Upstream, now: ContinuousClock.Instant) -> Bool {
        let entry = entries[index(of: upstream)]
        guard let time = entry.acceptedAt, entry.acceptedGeneration == generation else { return false }
        return now - time < Self.proofTime
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
