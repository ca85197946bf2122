import Registry

/// Contents that were read lately, which are kept as they are: with their bytes in memory, or with their file open.
struct HotContents: Sendable {
    private var contents: [Digest: Kept] = [:]
    private var order = UseOrder<Digest>()
    /// The sum of what they cost.
    private(set) var cost = 0
    /// What they may cost together.
    let limit: Int

    private struct Kept: Sendable {
        let content: CachedContent
        let cost: Int
        /// In the order of use.
        let place: Int
    }

    init(limit: Int) { self.limit = limit }

    subscript(digest: Digest) -> CachedContent? { contents[digest]?.content }

    /// Counts it as used.
    mutating func use(_ digest: Digest) -> CachedContent? {
        guard let kept = contents[digest] else { return nil }
        order.use(kept.place)
        return kept.content
    }

    /// Keeps it, in place of those that were not used for the longest time.
    mutating func insert(_ content: CachedContent, cost added: Int) {
        remove(content.digest)
        contents[content.digest] = Kept(content: content, cost: added, place: order.add(content.digest))
        cost += added
        while cost > limit, let oldest = order.oldest { remove(oldest) }
    }

    mutating func remove(_ digest: Digest) {
        guard let kept = contents.removeValue(forKey: digest) else { return }
        cost -= kept.cost
        order.remove(kept.place)
    }

    /// Removes this very content.
    mutating func remove(_ content: CachedContent) {
        if contents[content.digest]?.content === content { remove(content.digest) }
    }
}
