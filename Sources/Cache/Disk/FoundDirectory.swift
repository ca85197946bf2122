import Registry

/// What the directory tells, put in order before the table takes it over.
struct FoundDirectory {
    let directory: CacheDirectory
    let log: TagLog
    var index: CacheIndex
    var tags: TagTable

    /// Reads it.
    /// - Returns: nil: it was not to go on.
    static func read(
        _ directory: CacheDirectory, at now: Int, while goesOn: @escaping () -> Bool
    ) throws(FileError) -> FoundDirectory? {
        let log = TagLog(in: directory)
        var scan = DirectoryScan(directory, while: goesOn)
        guard let found = try scan.contents() else { return nil }
        let rows = try log.load()
        return FoundDirectory(
            directory: directory, log: log, index: CacheIndex(found, at: now), tags: TagTable(rows))
    }

    /// Forgets what was forgotten meanwhile. What is to be done about it becomes pending.
    mutating func forget(_ pending: inout PendingWork) {
        if pending.forgotten.isEverything {
            pending.empty(index)
            (index, tags) = (CacheIndex(), TagTable())
        }
        for item in pending.forgotten.all {
            switch item {
            case .content(let digest, let source):
                if index.update(digest, { $0.confirmations.forget(source) }) == true { pending.sidecars.insert(digest) }
                _ = tags.forget(digest, in: source)
            case .tag(let tag, let source): _ = tags.forget(tag, in: source)
            }
        }
    }
}
