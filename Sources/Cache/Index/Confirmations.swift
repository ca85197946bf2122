/// Which sources have said that they have a content, and when. In the order of the sources: a look-up takes a few comparisons, however many there are.
struct Confirmations: Sendable, Equatable {
    private(set) var all: [Confirmation] = []

    struct Confirmation: Sendable, Equatable {
        var source: ContentSource
        /// Seconds since 1970.
        var time: Int
        /// When its registry was last asked again. Not written down.
        var lastAsked = 0
    }

    /// What the word of a source is worth now.
    enum Worth {
        /// Nothing: there is none, or it is older than `stale`.
        case none
        /// It counts, and its registry is to be asked again.
        case old
        case recent
    }

    /// What a registry's word has changed.
    enum Change {
        /// It has said so a moment ago.
        case nothing
        case added
        case renewed
    }

    /// Of one content, each of about 100 bytes in memory besides its names. With more, those go that do not count, or else the oldest one: its source
    /// is asked again.
    static let maxCount = 1024

    func worth(of source: ContentSource, at now: Int, stale: Int) -> Worth {
        guard let place = place(of: source), Self.isValid(all[place].time, at: now, stale: stale) else { return .none }
        return isDue(place, at: now, stale: stale) ? .old : .recent
    }

    func isConfirmed(by source: ContentSource, at now: Int, stale: Int) -> Bool {
        worth(of: source, at: now, stale: stale) != .none
    }

    // MARK: Time

    /// Whether what was said then counts now. A time that lies in the future, by more than a minute, does not: the clock has been set back, and nobody
    /// knows by how much. It may count again once the clock is right.
    static func isValid(_ time: Int, at now: Int, stale: Int) -> Bool { time <= now + 60 && now - time < stale }

    /// Within a tenth of `stale`, nothing is gained by asking again, or by writing it down again.
    static func isRecent(_ time: Int, at now: Int, stale: Int) -> Bool { time <= now + 60 && now - time < max(1, stale / 10) }

    /// A time as it is written down; nil: none that a clock has told.
    static func time(_ text: String) -> Int? { Int(text).flatMap { (0...1 << 40).contains($0) ? $0 : nil } }

    private func isDue(_ place: Int, at now: Int, stale: Int) -> Bool {
        !Self.isRecent(all[place].time, at: now, stale: stale) && !Self.isRecent(all[place].lastAsked, at: now, stale: stale)
    }

    // MARK: Changes

    mutating func confirm(_ source: ContentSource, at now: Int, stale: Int) -> Change {
        if let place = place(of: source) {
            guard !Self.isRecent(all[place].time, at: now, stale: stale) else { return .nothing }
            all[place].time = now
            return .renewed
        }
        if all.count >= Self.maxCount { all.removeAll { !Self.isValid($0.time, at: now, stale: stale) } }
        if all.count >= Self.maxCount, let oldest = all.indices.min(by: { all[$0].time < all[$1].time }) { all.remove(at: oldest) }
        add(source, time: now)
        return .added
    }

    /// Adds a source that is not among them, unless there are too many.
    mutating func add(_ source: ContentSource, time: Int) {
        guard all.count < Self.maxCount else { return }
        all.insert(Confirmation(source: source, time: time), at: firstPlace(from: source))
    }

    /// Whether a source's registry is to be asked again. It counts as asked from then on.
    mutating func claimRenewal(by source: ContentSource, at now: Int, stale: Int) -> Bool {
        guard stale > 0 else { return false }
        guard let place = place(of: source) else { return true }
        guard isDue(place, at: now, stale: stale) else { return false }
        all[place].lastAsked = now
        return true
    }

    /// - Returns: whether something changed.
    mutating func forget(_ source: ContentSource) -> Bool {
        guard let place = place(of: source) else { return false }
        all.remove(at: place)
        return true
    }

    /// Makes equal sources share their memory.
    mutating func share(_ sources: inout Set<ContentSource>) {
        for place in all.indices { all[place].source = sources.insert(all[place].source).memberAfterInsert }
    }

    // MARK: Look-up

    private func place(of source: ContentSource) -> Int? {
        // A few are compared sooner than searched.
        if all.count <= 8 { return all.firstIndex { $0.source == source } }
        let place = firstPlace(from: source)
        return place < all.count && all[place].source == source ? place : nil
    }

    /// The first place of a source that is not before this one.
    private func firstPlace(from source: ContentSource) -> Int {
        var (low, high) = (0, all.count)
        while low < high {
            let middle = (low + high) / 2
            if all[middle].source < source { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
