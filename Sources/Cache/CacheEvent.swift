package import Registry

/// What the log is told. Called on a thread of the cache; must not block.
package enum CacheEvent: Sendable {
    /// The directory has been read or can be written again, and the cache is used.
    case on(entries: Int, bytes: Int)
    /// Another process uses the directory.
    case waiting
    /// The disk failed.
    case off(reason: String)
    /// The bytes of a file are not those of its digest. It has been removed.
    case corrupt(Digest)
    /// An upstream has sent bytes that are not those of the digest. They are not kept.
    case wrongContent(Digest)
}
