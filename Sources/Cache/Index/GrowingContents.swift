import Registry

/// Contents that are being filled or checked now.
struct GrowingContents: Sendable {
    private var all: [Digest: Growing] = [:]
    /// Each has a file open.
    static let maxCount = 512
    /// Fills among them that are not whole.
    private(set) var fills = 0

    private struct Growing: Sendable {
        let content: CachedContent
        /// Of a fill; nil: the content is held already, and is being checked.
        var fill: FillRecord?
    }

    /// What a fill will be when it is held.
    struct FillRecord: Sendable {
        var confirmations = Confirmations()
        /// Bytes promised to it.
        var reserved = 0
        /// Only its file has no name yet.
        var isWhole = false
    }

    /// Those that a reader may join.
    subscript(digest: Digest) -> CachedContent? {
        guard !all.isEmpty, let content = all[digest]?.content, content.progress.phase.isReadable else { return nil }
        return content
    }

    /// As `subscript`, of a fill.
    func fill(of digest: Digest) -> (content: CachedContent, FillRecord)? {
        guard let content = self[digest], let fill = all[digest]?.fill else { return nil }
        return (content, fill)
    }

    /// The fill of this very content; nil: it is none, or has ended.
    func fill(of content: CachedContent) -> FillRecord? { contains(content) ? all[content.digest]?.fill : nil }

    func contains(_ content: CachedContent) -> Bool { all[content.digest]?.content === content }

    /// Too many for another check.
    var isFull: Bool { all.count >= Self.maxCount }
    var contents: [CachedContent] { all.values.map(\.content) }

    /// Begins a fill.
    mutating func announce(_ content: CachedContent, confirmedBy source: ContentSource?, at now: Int) {
        var fill = FillRecord()
        if let source { fill.confirmations.add(source, time: now) }
        insert(content, fill: fill)
    }

    /// - Parameter fill: nil: it is being checked.
    mutating func insert(_ content: CachedContent, fill: FillRecord?) {
        if let former = all[content.digest]?.content { remove(former) }
        all[content.digest] = Growing(content: content, fill: fill)
        if fill != nil { fills += 1 }
    }

    mutating func updateFill(of digest: Digest, _ change: (inout FillRecord) -> Void) {
        guard var growing = all[digest], var fill = growing.fill else { return }
        change(&fill)
        growing.fill = fill
        all[digest] = growing
    }

    /// To which the most bytes were promised.
    var largestFill: CachedContent? { all.values.max { ($0.fill?.reserved ?? -1) < ($1.fill?.reserved ?? -1) }?.content }

    /// All bytes of a fill are written.
    mutating func complete(_ content: CachedContent) {
        guard let fill = fill(of: content), !fill.isWhole else { return }
        updateFill(of: content.digest) { $0.isWhole = true }
        fills -= 1
    }

    /// - Returns: false: another one is in its place, or none.
    @discardableResult
    mutating func remove(_ content: CachedContent) -> Bool {
        guard contains(content), let removed = all.removeValue(forKey: content.digest) else { return false }
        if let fill = removed.fill, !fill.isWhole { fills -= 1 }
        return true
    }

    /// What is there under this digest, also if nobody may join it any more.
    func any(_ digest: Digest) -> CachedContent? { all[digest]?.content }
}
