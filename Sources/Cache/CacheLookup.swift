/// What `CacheStore.open` has found.
package enum CacheLookup: Sendable {
    /// Held or being filled, and confirmed for the source.
    case held(CachedContent)
    /// Held or being filled, but the source's registry has not said within `stale` that it has it. To be asked first (HEAD), then `confirm`.
    case unconfirmed(CachedContent)
    /// Not held, or the cache is not used.
    case absent
}

/// What a HEAD request asks for.
package struct CachedHead: Sendable, Equatable {
    /// Bytes.
    package let size: Int
    /// Of a manifest; nil: it is a blob.
    package let mediaType: String?
    /// Whether the source's registry has said within `stale` that it has the content.
    package let isConfirmed: Bool
}

/// What the table has found, and what is to be done about it.
struct FoundContent: Sendable {
    var lookup = CacheLookup.absent
    /// nil: nothing is to be checked.
    var toCheck: ContentToCheck?
}

/// A content that was found at the start and is to be checked from now on.
struct ContentToCheck: Sendable {
    let content: CachedContent
    let directory: CacheDirectory
}

/// What the table has granted to who wants to fill a content.
enum ClaimedContent: Sendable {
    case fill(CachedContent)
    case found(FoundContent)
    case declined
}
