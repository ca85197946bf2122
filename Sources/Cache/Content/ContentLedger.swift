import Synchronization

/// Notes in the table what becomes of contents, as those say that read and write them.
final class ContentLedger: ContentOwner {
    private let upkeep: CacheUpkeep
    private let report: @Sendable (CacheEvent) -> Void

    init(_ upkeep: CacheUpkeep, report: @escaping @Sendable (CacheEvent) -> Void) { (self.upkeep, self.report) = (upkeep, report) }

    func reserve(_ content: CachedContent, size: Int) -> ReservedRoom? {
        upkeep.change { table, _ in
            guard table.reserve(content, size: size), let directory = table.directory else { return nil }
            return ReservedRoom(directory: directory, isFree: table.pending.unremovedBytes == 0)
        }
    }

    func afterRemovals(_ work: @escaping @Sendable () -> Void) {
        upkeep.perform {
            $0.work()
            work()
        }
    }

    func filled(_ content: CachedContent, size: Int, partial: String, in directory: CacheDirectory) {
        upkeep.change { table, _ in table.growing.complete(content) }
        upkeep.perform { $0.commit(content, size: size, partial: partial, in: directory) }
    }

    func abandoned(_ content: CachedContent) { upkeep.change { table, _ in table.abandoned(content) } }

    func corrupt(_ content: CachedContent, isFill: Bool) {
        upkeep.change { table, _ in
            table.corruptions += 1
            if isFill { table.endFill(content) } else { table.drop(content) }
        }
        report(isFill ? .wrongContent(content.digest) : .corrupt(content.digest))
    }

    /// Its file cannot be read. Those who read it may go on as far as they can.
    func drop(_ content: CachedContent) {
        upkeep.change { table, _ in table.drop(content) }
        // Who follows its check need not wait: nobody else ends it if the disk does not answer.
        if !content.isFill { content.end(.broken) }
    }

    func verified(_ content: CachedContent, size: Int) { upkeep.change { table, _ in table.verified(content, size: size) } }

    func unreadable(_ content: CachedContent, _ error: FileError?, in directory: CacheDirectory) {
        let isOn = upkeep.table.withLock { $0.state } == .on
        // While the disk fails, the file may be right.
        let isOfFile = error.map { $0.isMissing || $0.isOfOneFile || $0.isOfOneReading && isOn } ?? true
        guard !isOfFile, let error else { return drop(content) }
        upkeep.change { table, _ in _ = table.growing.remove(content) }
        upkeep.failed(error, in: directory)
    }

    func failed(_ error: FileError, in directory: CacheDirectory) { upkeep.failed(error, in: directory) }
}
