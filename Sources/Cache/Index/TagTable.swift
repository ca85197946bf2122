import Registry

/// The last known digests of tags.
struct TagTable: Sendable {
    private var sources: [ContentSource: [Tag: Known]] = [:]
    private(set) var count = 0
    /// When it was last looked what has expired.
    private var sweepTime = 0

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

    /// About a third of a kibibyte each, in memory. Beyond it, what has expired goes, and then new ones are not remembered.
    static let maxCount = 100_000

    init() {}

    /// What was written down, as far as it counts.
    init(_ rows: [Row], at now: Int, stale: Int) {
        for row in rows where count < Self.maxCount && Confirmations.isValid(row.known.time, at: now, stale: stale) {
            if sources[row.source, default: [:]].updateValue(row.known, forKey: row.tag) == nil { count += 1 }
        }
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
            if count >= Self.maxCount, abs(now - sweepTime) > 60 {
                sweepTime = now
                removeExpired(at: now, stale: stale)
            }
            guard count < Self.maxCount else { return false }
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

    mutating func removeExpired(at now: Int, stale: Int) {
        for (source, tags) in sources {
            let valid = tags.filter { Confirmations.isValid($0.value.time, at: now, stale: stale) }
            sources[source] = valid.isEmpty ? nil : valid
        }
        count = sources.values.reduce(0) { $0 + $1.count }
    }

    /// All of them, in no order.
    var rows: [Row] { sources.flatMap { source, tags in tags.map { Row(source: source, tag: $0.key, known: $0.value) } } }
}
