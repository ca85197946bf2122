import Registry

/// What the table has decided and the disk does not know yet. The job that does it reads the table as it is by then, so that the order in which
/// threads come does not matter. What cannot be done is put back.
struct PendingWork: Sendable {
    /// No longer held: files to be removed, unless they are held again by then.
    var doomed: [Digest] = []
    /// The same of all that was held. Its job lists them: with the lock held, that would take long.
    private var emptied: [CacheIndex] = []
    /// Bytes of what was evicted or emptied, as the index counts them.
    var doomedBytes = 0
    /// The same of what a job removes now, and how many files.
    private var removedBytes = 0, removedCount = 0
    /// Contents whose sidecar is to be written.
    var sidecars: Set<Digest> = []
    /// The same once a second only: what hundreds of repositories share is confirmed as often.
    var confirmed: Set<Digest> = []
    /// Contents whose file's time is to be set.
    var touches: Set<Digest> = []
    /// Tags to be written down, or to be forgotten there.
    private(set) var tags: [ChangedTag] = []
    /// All tags are to be written down, and `tags` is empty.
    private(set) var areAllTagsChanged = false
    var forgotten = Forgotten()
    /// A job will come.
    var isScheduled = false

    struct ChangedTag: Sendable {
        let source: ContentSource
        let tag: Tag
    }

    /// With more changes, all tags are written down.
    private static let maxTags = 10_000

    var isEmpty: Bool {
        doomed.isEmpty && emptied.isEmpty && sidecars.isEmpty && touches.isEmpty && tags.isEmpty && !areAllTagsChanged
            && forgotten.isEmpty
    }

    mutating func changeTag(_ tag: Tag, in source: ContentSource) {
        guard !areAllTagsChanged else { return }
        tags.append(ChangedTag(source: source, tag: tag))
        if tags.count > Self.maxTags { changeAllTags() }
    }

    mutating func changeAllTags() { (tags, areAllTagsChanged) = ([], true) }

    mutating func empty(_ index: CacheIndex) {
        emptied.append(index)
        doomedBytes += index.heldBytes
    }

    /// - Returns: whether a job is to be made.
    mutating func schedule() -> Bool {
        guard !isEmpty, !isScheduled else { return false }
        isScheduled = true
        return true
    }

    /// No longer held, as far as that is known.
    var unheld: [Digest] { doomed + emptied.flatMap { $0.oldest(.max) } }
    private var unheldCount: Int { emptied.reduce(doomed.count) { $0 + $1.count } }
    /// Bytes on the disk of what was evicted or emptied.
    var unremovedBytes: Int { doomedBytes + removedBytes }
    /// More files are to be removed than a reader can wait for.
    var isLong: Bool { unheldCount + removedCount > 1000 }
    /// Files go more slowly than others come.
    func isBehind(_ capacity: Int) -> Bool { isLong || unremovedBytes > capacity / 20 }

    /// The work of a job, which then calls `end`.
    /// - Parameter all: also what is written once a second.
    mutating func take(all: Bool) -> PendingWork {
        var work = self
        self = PendingWork()
        if all { work.sidecars.formUnion(work.confirmed) } else { confirmed = work.confirmed }
        work.confirmed = []
        (removedBytes, removedCount) = (work.doomedBytes, work.unheldCount)
        return work
    }

    /// - Parameter left: what the job could not do; nil: nothing.
    mutating func end(_ left: PendingWork?) {
        (removedBytes, removedCount) = (0, 0)
        if let left { putBack(left) }
    }

    private mutating func putBack(_ work: PendingWork) {
        doomed += work.doomed
        emptied += work.emptied
        doomedBytes += work.doomedBytes
        sidecars.formUnion(work.sidecars)
        touches.formUnion(work.touches)
        if !work.tags.isEmpty || work.areAllTagsChanged { changeAllTags() }
        forgotten.add(work.forgotten)
    }
}
