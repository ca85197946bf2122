import Registry
import Synchronization

/// Notes in the table what becomes of contents, as those say that read and write them. From any thread; does not wait for the disk.
final class ContentLedger: Sendable {
    private let upkeep: CacheUpkeep
    private let report: @Sendable (CacheEvent) -> Void

    init(_ upkeep: CacheUpkeep, report: @escaping @Sendable (CacheEvent) -> Void) { (self.upkeep, self.report) = (upkeep, report) }

    /// Room for a fill.
    struct Room {
        /// Where its file goes.
        let directory: CacheDirectory
        /// Nothing has to be removed first.
        let isFree: Bool
    }

    /// Makes room for a fill.
    /// - Returns: nil: the content is not taken.
    func reserve(_ content: CachedContent, size: Int) -> Room? {
        upkeep.change { table, _ in
            guard table.reserve(content, size: size), let directory = table.directory else { return nil }
            return Room(directory: directory, isFree: table.pending.unremovedBytes == 0)
        }
    }

    /// Runs work when the files are gone that had been evicted before. The work itself must not wait for the disk.
    func afterRemovals(_ work: @escaping @Sendable () -> Void) {
        upkeep.perform {
            $0.work()
            work()
        }
    }

    /// A fill is whole: its file is to have its name.
    func filled(_ content: CachedContent, size: Int, partial: String, in directory: CacheDirectory) {
        upkeep.change { table, _ in table.growing.complete(content) }
        upkeep.perform { $0.commit(content, size: size, partial: partial, in: directory) }
    }

    /// A fill has ended otherwise.
    func abandoned(_ content: CachedContent) { upkeep.change { table, _ in table.abandoned(content) } }

    /// The bytes are not those of the digest.
    /// - Parameter isFill: the upstream sent them; otherwise the file has changed, and is to be removed.
    func corrupt(_ content: CachedContent, isFill: Bool) {
        upkeep.change { table, _ in
            table.corruptions += 1
            if isFill { table.endFill(content) } else { table.drop(content) }
        }
        report(isFill ? .wrongContent(content.digest) : .corrupt(content.digest))
    }

    /// An upstream has sent other bytes than those of the digest, and nobody gets them.
    func rejected(_ digest: Digest) {
        upkeep.change { table, _ in table.corruptions += 1 }
        report(.wrongContent(digest))
    }

    /// Its file cannot be read. Those who read it may go on as far as they can.
    func drop(_ content: CachedContent) {
        upkeep.change { table, _ in table.drop(content) }
        // Who follows its check need not wait: nobody else ends it if the disk does not answer.
        if !content.isFill { content.end(.broken) }
    }

    /// A content that was found at the start is whole and right.
    func verified(_ content: CachedContent, size: Int) { upkeep.change { table, _ in table.verified(content, size: size) } }

    /// Its file cannot be read.
    /// - Parameter error: nil: it is no regular file of the right size.
    func unreadable(_ content: CachedContent, _ error: FileError?, in directory: CacheDirectory) {
        let isOn = upkeep.table.withLock { $0.state } == .on
        // While the disk fails, the file may be right.
        let isOfFile = error.map { $0.isMissing || $0.isOfOneFile || $0.isOfOneReading && isOn } ?? true
        guard !isOfFile, let error else { return drop(content) }
        upkeep.change { table, _ in _ = table.growing.remove(content) }
        upkeep.failed(error, in: directory)
    }

    /// The disk fails.
    func failed(_ error: FileError, in directory: CacheDirectory) { upkeep.failed(error, in: directory) }
}
