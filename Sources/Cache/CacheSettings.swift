/// What the configuration says of the cache. Bounds are checked there.
package struct CacheSettings: Sendable, Equatable {
    /// Path of the directory. It is made if it is missing; its parent must exist.
    package var directory: String
    /// Bytes on disk at most, with sidecar files, blocks that are not full, folders and the log of tags.
    package var size: Int
    /// Bytes of files: the rest is for folders and the log of tags.
    var capacity: Int { size - min(size / 32, 2 << 20) }
    /// Seconds for which a confirmation and the last known digest of a tag are valid.
    package var stale: Int

    package init(directory: String, size: Int, stale: Int) {
        (self.directory, self.size, self.stale) = (directory, size, stale)
    }
}
