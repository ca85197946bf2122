import Registry

/// Contents that were read lately: small ones with their bytes in memory, large ones with their file open.
struct KeptContents: Sendable {
    private var small = LRU<CachedContent>(), large = LRU<CachedContent>()

    /// Bytes of contents that are kept in memory: manifests and configurations, not layers.
    static let maxSmall = 256 << 10
    /// Bytes of these in all.
    private static let maxMemory = 32 << 20
    /// Files that are kept open.
    static let maxFiles = 256
    /// Bytes of a small content besides its own.
    private static let overhead = 512

    static func isSmall(_ size: Int) -> Bool { size <= maxSmall }

    /// Bytes of small contents.
    var memoryBytes: Int { small.cost }

    subscript(digest: Digest) -> CachedContent? { small[digest] ?? large[digest] }

    /// Counts it as used.
    mutating func use(_ digest: Digest, size: Int) -> CachedContent? {
        Self.isSmall(size) ? small.use(digest) : large.use(digest)
    }

    /// Keeps it, in place of those that were not used for the longest time.
    mutating func insert(_ content: CachedContent, size: Int) {
        if Self.isSmall(size) {
            small.insert(content.digest, content, cost: size + Self.overhead)
            _ = small.evict(toCost: Self.maxMemory)
        } else {
            large.insert(content.digest, content, cost: 1)
            _ = large.evict(toCost: Self.maxFiles)
        }
    }

    mutating func remove(_ digest: Digest) {
        small.remove(digest)
        large.remove(digest)
    }

    /// Removes this very content.
    mutating func remove(_ content: CachedContent) {
        if self[content.digest] === content { remove(content.digest) }
    }
}
