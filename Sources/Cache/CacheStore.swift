import Glibc
package import Registry
import Synchronization
import Transport

/// Contents kept on disk. One for the process; any thread may call it. No method waits for the disk, unless it is `async`.
package final class CacheStore: Sendable {
    private let disk: DiskThreads
    private let watch = DiskWatch()
    private let upkeep: CacheUpkeep
    private let ledger: ContentLedger
    private let clock: @Sendable () -> Int

    /// Reads the directory on a thread of its own. Until that is done, `state` is `starting`, and nothing is found or filled.
    /// - Parameter report: is told what happens, on a thread of the cache. Must not block.
    package convenience init(_ settings: CacheSettings, report: @escaping @Sendable (CacheEvent) -> Void) {
        self.init(settings, files: SystemFiles(), clock: { time(nil) }, tickInterval: 1000, report: report)
    }

    /// - Parameters:
    ///   - clock: seconds since 1970.
    ///   - tickInterval: milliseconds.
    init(
        _ settings: CacheSettings, files: any FileCalls, clock: @escaping @Sendable () -> Int, tickInterval: Int,
        report: @escaping @Sendable (CacheEvent) -> Void
    ) {
        let threads = min(max(coreCount(), Self.minThreads), Self.maxThreads)
        disk = DiskThreads((0..<threads).map { "cache-disk-\($0)" }, watch: watch)
        self.clock = clock
        upkeep = CacheUpkeep(
            settings, files: WatchedFiles(files: files, watch: watch), watch: watch, clock: clock, report: report)
        ledger = ContentLedger(upkeep, report: report)
        if disk.count > 0, upkeep.begin(tickInterval: tickInterval) {
            upkeep.perform { $0.start() }
        } else {
            upkeep.giveUp(reason: "no thread could be started; raise the limit of processes")
        }
    }

    deinit { upkeep.stop() }

    /// Of the disk. A disk that is slow keeps several waiting.
    private static let minThreads = 4, maxThreads = 16

    /// File descriptors at most, besides one for each other content that is being read: of files kept open, of fills and checks, and of the directory.
    package static let maxDescriptors = KeptContents.maxFiles + GrowingContents.maxCount + 16

    // MARK: Contents

    /// Finds a content to be read, and counts it as used. One that was found at the start begins to be checked: it is `growing`, as one that is
    /// being filled. Takes a short lock; allocates nothing when the content is in use already.
    package func open(_ digest: Digest, from source: ContentSource) -> CacheLookup {
        let found = upkeep.change { table, now in table.open(digest, from: source, at: now) }
        verify(found.toCheck)
        return found.lookup
    }

    private func verify(_ toCheck: ContentToCheck?) {
        guard let toCheck else { return }
        Verification(of: toCheck.content, in: toCheck.directory, ledger: ledger, disk: disk).start()
    }

    /// As `open`, for a HEAD request: nothing is opened or checked.
    /// - Returns: nil: not held, or only announced.
    package func head(_ digest: Digest, from source: ContentSource) -> CachedHead? {
        let now = clock()
        return upkeep.table.withLock { $0.head(digest, from: source, at: now) }
    }

    /// The open file of a content, for which `open` said that it is held. Opens it on a disk thread unless it is open: `content.file` tells.
    /// - Returns: nil: it is gone, or no regular file of the right size, or the disk does not answer: to be treated as absent. Or the content is
    ///   broken and never had one.
    package func file(of content: CachedContent) async -> ContentFile? {
        if let file = content.file { return file }
        // The file is there before its first byte is available; of a small content, until it is in memory.
        let progress = await content.wait(beyond: 0)
        if let file = content.file { return file }
        guard progress.phase == .whole else { return nil }
        _ = await disk.run { self.openFile(of: content, size: progress.size) }
        return content.file
    }

    /// Runs a short read of a content's file on a disk thread.
    /// - Returns: nil: the disk does not answer. The read may go on.
    package func read<Value: Sendable>(_ work: @escaping @Sendable () -> Value) async -> Value? {
        await disk.run { [watch] in watch.note("pread", work) }
    }

    private func openFile(of content: CachedContent, size: Int) {
        guard content.file == nil, let directory = upkeep.table.withLock({ $0.directory }) else { return }
        do throws(FileError) {
            guard let descriptor = try directory.open(content.digest, size: size) else { return drop(content) }
            content.setFile(ContentFile(owning: descriptor, files: directory.files, disk: disk))
        } catch {
            ledger.unreadable(content, error, in: directory)
        }
    }

    /// Claims the download of a content that is not held. Of all that call this at the same time, on all workers, one gets the fill.
    /// - Parameters:
    ///   - since: as for `confirm`. If it has moved, declined.
    ///   - confirms: the source itself sends it, and no replica of it.
    package func claim(_ digest: Digest, for source: ContentSource, since: Int, confirms: Bool = true) -> CacheClaim {
        let claimed = upkeep.change { table, now in
            since == table.removals[source] ? table.claim(digest, for: source, confirms: confirms, at: now) : .declined
        }
        switch claimed {
        case .fill(let content): return .fill(Fill(content, ledger: ledger, disk: disk))
        case .found(let found):
            verify(found.toCheck)
            return .found(found.lookup)
        case .declined: return .declined
        }
    }

    /// Removes a content whose file cannot be read, as a reader has noticed. Those who read it may go on as far as they can.
    package func drop(_ content: CachedContent) { ledger.drop(content) }

    /// Whether what an upstream has sent are the bytes of the digest. If not, log and metrics say so, and nobody is to get them.
    package func accepts(_ bytes: [UInt8], of digest: Digest) -> Bool {
        var hashed = HashedBytes(of: digest, size: .max)
        bytes.withUnsafeBytes { hashed.append($0) }
        let areRight = hashed.areRight()
        if !areRight { ledger.rejected(digest) }
        return areRight
    }

    // MARK: Confirmations

    /// Moves when something of the source is deleted or pushed. To be asked before a request is sent whose response will be told to `confirm` or `setTag`.
    package func removals(in source: ContentSource) -> Int { upkeep.table.withLock { $0.removals[source] } }

    /// The source has the content, as its registry has said just now. Does nothing when the content is neither held nor being filled.
    /// - Parameter since: what `removals` was before the registry was asked. If it has moved, the response may be older than a deletion, and does not
    ///   count. nil: it is not older.
    /// - Returns: whether a confirmation that was older than a tenth of `stale`, or had expired, has been renewed. Of all that say so at the same time, one
    ///   is told.
    @discardableResult
    package func confirm(_ digest: Digest, for source: ContentSource, since: Int? = nil) -> Bool {
        upkeep.change { table, now in
            (since == nil || since == table.removals[source]) && table.confirm(digest, for: source, at: now)
        }
    }

    /// Whether the source's registry is to be asked again for a content that is held: within a tenth of `stale` it has neither said that it has the content
    /// nor been asked. Of all that ask this at the same time, one is told so, and asks the registry.
    package func claimRenewal(of digest: Digest, by source: ContentSource) -> Bool {
        upkeep.change { table, now in
            guard table.state != .stopped else { return false }
            let stale = table.settings.stale
            return table.index.update(digest) { $0.confirmations.claimRenewal(by: source, at: now, stale: stale) } == true
        }
    }

    /// The source does not have the content, or it was deleted there. Tags of the source that lead to it are forgotten too.
    /// - Parameter isDeleted: and not only said so.
    package func forget(_ digest: Digest, for source: ContentSource, isDeleted: Bool) {
        upkeep.change { table, _ in
            if isDeleted { table.removals.add(source) }
            table.forget(digest, for: source, isDeleted: isDeleted)
        }
    }

    // MARK: Tags

    /// The last known digest of a tag, if it became known within `stale`.
    package func digest(of tag: Tag, in source: ContentSource) -> Digest? {
        let now = clock()
        return upkeep.table.withLock { table in
            guard let known = table.tags[source, tag] else { return nil }
            return Confirmations.isValid(known.time, at: now, stale: table.settings.stale) ? known.digest : nil
        }
    }

    /// The registry has said just now what the tag leads to, or a push has changed it.
    /// - Parameter since: as for `confirm`. nil: a push.
    package func setTag(_ tag: Tag, in source: ContentSource, to digest: Digest, since: Int? = nil) {
        upkeep.change { table, now in
            guard since == nil || since == table.removals[source] else { return }
            if since == nil { table.removals.add(source) }
            if table.tags.set(tag, in: source, to: digest, at: now, stale: table.settings.stale) {
                table.pending.changeTag(tag, in: source)
            }
        }
    }

    /// The tag was deleted, or the registry does not have it.
    /// - Parameter isDeleted: as for `forget`.
    package func forgetTag(_ tag: Tag, in source: ContentSource, isDeleted: Bool) {
        upkeep.change { table, _ in
            if isDeleted { table.removals.add(source) }
            let wasKnown = table.tags.forget(tag, in: source)
            if wasKnown { table.pending.changeTag(tag, in: source) }
            if wasKnown || isDeleted { table.pending.forgotten.add(.tag(tag, source)) }
        }
    }

    // MARK: Running it

    /// Whether it is used. Takes a short lock.
    package var state: CacheState { upkeep.table.withLock { $0.state } }

    /// For the admin listener and the metrics.
    /// - Parameter oldest: contents at most in `oldest`.
    package func status(oldest: Int = 0) -> CacheStatus { upkeep.table.withLock { CacheStatus($0, oldest: oldest) } }

    /// Applies another size and `stale` of a reload. Evicts what no longer fits. Another directory needs another store.
    package func change(size: Int, stale: Int) {
        upkeep.change { table, _ in
            (table.settings.size, table.settings.stale) = (size, stale)
            table.shrink()
        }
    }

    /// Removes all contents, confirmations and tags. Fills in progress go on and are kept. What has not been read yet is removed when it is read.
    /// - Returns: contents and bytes removed. Their files are gone, unless the disk fails: then they go when it can be written again.
    package func empty() async -> (entries: Int, bytes: Int) {
        let former = upkeep.change { table, _ in table.empty() }
        if former.state == .on { await settle() }
        return (former.index.count, former.index.heldBytes)
    }

    /// Leaves the directory to another process, or to nobody. Nothing is found, filled, or written any more; fills in progress go on for their
    /// readers, and what is being read stays readable. The threads end when nothing needs them. From any thread; does not wait.
    package func stop() { upkeep.stop() }

    /// After `stop`: all that was known has been written down, and another process may have the directory.
    package var hasLeft: Bool { upkeep.table.withLock { $0.state == .stopped && $0.directory == nil } }

    /// Waits until the disk knows what the table has decided, or does not answer. The start is the first job.
    func settle() async { await upkeep.settle() }

    /// What happens each second. For tests, which do not wait for it.
    func tick() { upkeep.perform { $0.tick() } }
    func look() { upkeep.look() }
}

/// What `CacheStore.claim` has granted.
package enum CacheClaim: Sendable {
    /// The caller downloads it for all. Confirmed for its source as soon as the fill has begun.
    case fill(Fill)
    /// Somebody else does, or has just done so. Not `absent`.
    case found(CacheLookup)
    /// The cache is not used, or too many fills are in progress: to be relayed without it.
    case declined
}
