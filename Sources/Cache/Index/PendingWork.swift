import Registry

/// What the table has decided and the disk does not know yet. The job that does it reads the table as it is by then, so that the order in which
/// threads come does not matter. What cannot be done is put back.
struct PendingWork: Sendable {
    /// No longer held: files to be removed, unless they are held again by then.
    var doomed: [Digest] = []
    /// Contents whose sidecar is to be written.
    var sidecars: Set<Digest> = []
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
        doomed.isEmpty && sidecars.isEmpty && touches.isEmpty && tags.isEmpty && !areAllTagsChanged && forgotten.isEmpty
    }

    mutating func changeTag(_ tag: Tag, in source: ContentSource) {
        guard !areAllTagsChanged else { return }
        tags.append(ChangedTag(source: source, tag: tag))
        if tags.count > Self.maxTags { changeAllTags() }
    }

    mutating func changeAllTags() { (tags, areAllTagsChanged) = ([], true) }

    /// - Returns: whether a job is to be made.
    mutating func schedule() -> Bool {
        guard !isEmpty, !isScheduled else { return false }
        isScheduled = true
        return true
    }

    /// All of it, for the job.
    mutating func take() -> PendingWork {
        defer { self = PendingWork() }
        return self
    }

    /// What the job could not do.
    mutating func putBack(_ work: PendingWork) {
        doomed += work.doomed
        sidecars.formUnion(work.sidecars)
        touches.formUnion(work.touches)
        if !work.tags.isEmpty || work.areAllTagsChanged { changeAllTags() }
        forgotten.add(work.forgotten)
    }
}
