import Registry
import Synchronization

/// Writes down what the table has decided, as the table is by then.
struct DiskWriter {
    let upkeep: CacheUpkeep

    /// Writes down what is pending. What cannot be, stays so.
    /// - Parameter all: also what is written once a second.
    func write(all: Bool = false) throws(FileError) {
        let (work, directory, log) = upkeep.table.withLock { ($0.pending.take(all: all), $0.directory, $0.tagLog) }
        do throws(FileError) {
            guard let directory, let log else { return upkeep.table.withLock { $0.pending.end(work) } }
            try write(work, in: directory, log)
            // What was read anew meanwhile may be as it was before.
            upkeep.table.withLock { $0.pending.end($0.directory === directory ? nil : work) }
        } catch {
            upkeep.table.withLock { $0.pending.end(work) }
            throw error
        }
    }

    /// Gives the file of a fill its name.
    func commit(_ content: CachedContent, size: Int, partial: String, in directory: CacheDirectory, at now: Int) throws(FileError) {
        let sidecar = upkeep.table.withLock { table in
            table.directory === directory ? table.sidecar(of: content, size: size) : nil
        }
        guard let sidecar else { return directory.removePartial(partial) }
        do throws(FileError) {
            try directory.commit(partial, as: content.digest, sidecar)
        } catch {
            directory.removePartial(partial)
            _ = upkeep.table.withLock { $0.endFill(content) }
            throw error
        }
        upkeep.table.withLock { $0.commit(content, sidecar, at: now) }
        _ = try makeRoom(in: directory)
    }

    /// Removes contents while too little of the file system is free.
    /// - Returns: false: there is not enough to remove.
    func makeRoom(in directory: CacheDirectory) throws(FileError) -> Bool {
        // What has been evicted before is not free yet.
        try write()
        let space = try directory.space()
        let hasRoom = upkeep.table.withLock { $0.shrink(to: space) }
        try write()
        return hasRoom
    }

    /// What was forgotten comes first: the process may end before all files are removed.
    private func write(_ work: PendingWork, in directory: CacheDirectory, _ log: TagLog) throws(FileError) {
        do throws(FileError) {
            for digest in work.sidecars {
                guard let entry = upkeep.table.withLock({ $0.index[digest] }) else { continue }
                try unlessGone { () throws(FileError) in try directory.write(Sidecar(entry), of: digest) }
            }
            try write(work, to: log)
        } catch {
            // Which makes room for it.
            if error.isFull { try remove(work.unheld, from: directory) }
            throw error
        }
        try remove(work.unheld, from: directory)
        for digest in work.touches where isHeld(digest) {
            try unlessGone { () throws(FileError) in try directory.touch(digest) }
        }
    }

    private func remove(_ unheld: [Digest], from directory: CacheDirectory) throws(FileError) {
        for digest in unheld where !isHeld(digest) { try directory.remove(digest) }
    }

    private func isHeld(_ digest: Digest) -> Bool { upkeep.table.withLock { $0.index[digest] != nil } }

    private func write(_ work: PendingWork, to log: TagLog) throws(FileError) {
        let isMostlyOld = log.isMostlyOld(upkeep.table.withLock { $0.tags.count })
        if work.areAllTagsChanged || !work.tags.isEmpty && isMostlyOld {
            // Put in order without the lock.
            return try log.rewrite(upkeep.table.withLock { $0.tags }.rows)
        }
        for changed in work.tags {
            try log.append(changed.tag, in: changed.source, upkeep.table.withLock { $0.tags[changed.source, changed.tag] })
        }
    }

    /// Somebody may have removed a file. Its next reader will notice.
    private func unlessGone(_ call: () throws(FileError) -> Void) throws(FileError) {
        do throws(FileError) { try call() } catch  where error.isMissing || error.isOfOneFile {}
    }
}
