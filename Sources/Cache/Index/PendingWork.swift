import Registry

/// What the table has decided and the disk does not know yet. The job that does it reads the table as it is by then, so that the order in which
/// threads come does not matter.
struct PendingWork: Sendable {
    /// No longer held: files to be removed, unless they are held again by then.
    var doomed: [Digest] = []
    /// Contents whose sidecar is to be written.
    var sidecars: Set<Digest> = []
    /// Contents whose file's time is to be set.
    var touches: [Digest] = []
    /// Tags to be written down, or to be forgotten there.
    var tags: [ChangedTag] = []
    /// A job will come.
    var isScheduled = false

    struct ChangedTag: Sendable {
        let source: ContentSource
        let tag: Tag
    }

    var isEmpty: Bool { doomed.isEmpty && sidecars.isEmpty && touches.isEmpty && tags.isEmpty }

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
}
