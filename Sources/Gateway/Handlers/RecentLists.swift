/// Lists that were read from upstreams a moment ago, for the pages that follow. A worker's own. Confined to its loop.
final class RecentLists {
    private struct Key: Hashable { let upstream: ObjectIdentifier, path: String }
    /// The upstream is held: no other one can take over its identity meanwhile.
    private var lists: [Key: (upstream: Upstream, names: [String], at: ContinuousClock.Instant)] = [:]

    private static let maxLists = 16
    /// Names. Longer lists are read anew.
    private static let maxNames = 20_000
    private static let lifetime = Duration.seconds(30)

    /// nil: it was not read, or too long ago.
    func list(of upstream: Upstream, _ path: String) -> [String]? {
        lists[Key(upstream: ObjectIdentifier(upstream), path: path)].flatMap {
            ContinuousClock.now - $0.at < Self.lifetime ? $0.names : nil
        }
    }

    func remember(_ names: [String], of upstream: Upstream, _ path: String) {
        let key = Key(upstream: ObjectIdentifier(upstream), path: path)
        guard names.count <= Self.maxNames else { return lists[key] = nil }
        if lists.count >= Self.maxLists, lists[key] == nil, let oldest = lists.min(by: { $0.value.at < $1.value.at }) {
            lists[oldest.key] = nil
        }
        lists[key] = (upstream, names, .now)
    }
}
