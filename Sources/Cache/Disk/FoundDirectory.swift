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
        _ directory: CacheDirectory, at now: Int, stale: Int, while goesOn: @escaping () -> Bool
    ) throws(FileError) -> FoundDirectory? {
        let log = TagLog(in: directory)
        var scan = DirectoryScan(directory, while: goesOn)
        guard let found = try scan.contents() else { return nil }
        let rows = try log.load()
        return FoundDirectory(
            directory: directory, log: log, index: CacheIndex(found, at: now, stale: stale),
            tags: TagTable(rows, at: now, stale: stale))
    }

    /// Forgets what was forgotten meanwhile.
    /// - Returns: contents that are to be removed, and those whose sidecar is to be written.
    mutating func forget(_ forgotten: Forgotten) -> (doomed: [Digest], sidecars: [Digest]) {
        if forgotten.isEverything {
            tags = TagTable()
            return (index.free(index.heldBytes), [])
        }
        var changed: [Digest] = []
        for item in forgotten.all {
            switch item {
            case .content(let digest, let source):
                if index.update(digest, { $0.confirmations.forget(source) }) == true { changed.append(digest) }
                _ = tags.forget(digest, in: source)
            case .tag(let tag, let source): _ = tags.forget(tag, in: source)
            }
        }
        return ([], changed)
    }
}
