import Registry

/// The last known digests of tags.
struct TagTable: Sendable {
    private var sources: [ContentSource: [Tag: Known]] = [:]
    private(set) var count = 0

    struct Known: Sendable, Equatable {
        var digest: Digest
        /// When it was last known to be right, in seconds since 1970.
        var time: Int
    }

    /// A known tag with its place.
    struct Row: Sendable, Equatable {
        var source: ContentSource
        var tag: Tag
        var known: Known
    }

    /// About a third of a kibibyte each, in memory. Beyond it, those go that were not known to be right for the longest time.
    static let maxCount = 100_000

    init() {}

    /// What was written down. Whether it counts is judged when it is asked for: by then, the clock may have been set, or `stale` changed.
    init(_ rows: [Row]) {
        let kept = rows.count > Self.maxCount ? rows.sorted { $0.known.time > $1.known.time }.prefix(Self.maxCount) : rows[...]
        for row in kept { sources[row.source, default: [:]][row.tag] = row.known }
        count = kept.count
    }

    /// Takes over what another table knows, which counts more.
    mutating func merge(_ other: TagTable) {
        for (source, tags) in other.sources {
            let former = sources[source] ?? [:], merged = former.merging(tags) { $1 }
            count += merged.count - former.count
            sources[source] = merged
        }
    }

    subscript(source: ContentSource, tag: Tag) -> Known? { sources[source]?[tag] }

    /// - Returns: whether it is to be written down.
    mutating func set(_ tag: Tag, in source: ContentSource, to digest: Digest, at now: Int, stale: Int) -> Bool {
        let former = self[source, tag]
        if let former, former.digest == digest, Confirmations.isRecent(former.time, at: now, stale: stale) { return false }
        if former == nil {
            if count >= Self.maxCount { removeOldest(at: now) }
            count += 1
        }
        sources[source, default: [:]][tag] = Known(digest: digest, time: now)
        return true
    }

    /// - Returns: whether it was known.
    mutating func forget(_ tag: Tag, in source: ContentSource) -> Bool {
        guard sources[source]?.removeValue(forKey: tag) != nil else { return false }
        count -= 1
        if sources[source]?.isEmpty == true { sources[source] = nil }
        return true
    }

    /// Forgets the tags of a source that lead to a digest.
    /// - Returns: these.
    mutating func forget(_ digest: Digest, in source: ContentSource) -> [Tag] {
        let tags = sources[source]?.filter { $0.value.digest == digest }.map(\.key) ?? []
        for tag in tags { _ = forget(tag, in: source) }
        return tags
    }

    /// Removes a tenth, so that it is seldom done. A time that lies in the future is none.
    private mutating func removeOldest(at now: Int) {
        func time(_ known: Known) -> Int { known.time <= now + 60 ? known.time : 0 }
        let oldest = sources.values.flatMap { $0.values.map(time) }.sorted().prefix(count / 10 + 1)
        guard let last = oldest.last else { return }
        var ties = oldest.count { $0 == last }
        sources = sources.compactMapValues { tags in
            let kept = tags.filter { _, known in
                guard time(known) == last, ties > 0 else { return time(known) >= last }
                ties -= 1
                return false
            }
            return kept.isEmpty ? nil : kept
        }
        count = sources.values.reduce(0) { $0 + $1.count }
    }

    /// All of them, in no order.
    var rows: [Row] { sources.flatMap { source, tags in tags.map { Row(source: source, tag: $0.key, known: $0.value) } } }
}
