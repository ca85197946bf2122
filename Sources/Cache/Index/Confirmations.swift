/// Which sources have said that they have a content, and when.
struct Confirmations: Sendable, Equatable {
    private(set) var all: [Confirmation] = []

    struct Confirmation: Sendable, Equatable {
        var source: ContentSource
        /// Seconds since 1970.
        var time: Int
    }

    /// Of one content. With more, the oldest one goes: its source is asked again.
    static let maxCount = 64

    func isConfirmed(by source: ContentSource, at now: Int, stale: Int) -> Bool {
        all.contains { $0.source == source && Self.isValid($0.time, at: now, stale: stale) }
    }

    /// Whether what was said then counts now. A time that lies in the future, by more than a minute, does not: the clock has been set back, and nobody
    /// knows by how much.
    static func isValid(_ time: Int, at now: Int, stale: Int) -> Bool { time <= now + 60 && now - time < stale }

    /// A time as it is written down; nil: none that a clock has told.
    static func time(_ text: String) -> Int? { Int(text).flatMap { (0...1 << 40).contains($0) ? $0 : nil } }

    mutating func removeExpired(at now: Int, stale: Int) { all.removeAll { !Self.isValid($0.time, at: now, stale: stale) } }

    /// Makes equal sources share their memory.
    mutating func share(_ sources: inout Set<ContentSource>) {
        for place in all.indices { all[place].source = sources.insert(all[place].source).memberAfterInsert }
    }

    /// - Returns: whether something changed. What was said a moment ago is not written down once more.
    mutating func confirm(_ source: ContentSource, at now: Int, stale: Int) -> Bool {
        if let place = all.firstIndex(where: { $0.source == source }) {
            guard !Self.isRecent(all[place].time, at: now, stale: stale) else { return false }
            all[place].time = now
            return true
        }
        add(source, time: now)
        return true
    }

    /// Adds a source that is not among them.
    mutating func add(_ source: ContentSource, time: Int) {
        if all.count == Self.maxCount, let oldest = all.indices.min(by: { all[$0].time < all[$1].time }) { all.remove(at: oldest) }
        all.append(Confirmation(source: source, time: time))
    }

    /// Within the first quarter of `stale`, a minute at most, nothing is gained by writing it down again.
    static func isRecent(_ time: Int, at now: Int, stale: Int) -> Bool {
        isValid(time, at: now, stale: stale) && now - time < min(60, stale / 4)
    }

    /// - Returns: whether something changed.
    mutating func forget(_ source: ContentSource) -> Bool {
        let before = all.count
        all.removeAll { $0.source == source }
        return all.count < before
    }
}
