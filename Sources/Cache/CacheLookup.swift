/// What `CacheStore.open` has found.
package enum CacheLookup: Sendable {
    /// Held or being filled, and confirmed for the source: to be served. If its registry has said so more than a tenth of `stale` ago (`isOld`), it is to
    /// be asked again meanwhile: see `CacheStore.claimRenewal`.
    case held(CachedContent, isOld: Bool)
    /// Held or being filled, but the source's registry has not said within `stale` that it has it. To be asked first (HEAD), then `confirm`.
    case unconfirmed(CachedContent)
    /// Not held, or the cache is not used.
    case absent

    init(_ content: CachedContent, _ worth: Confirmations.Worth) {
        self = worth == .none ? .unconfirmed(content) : .held(content, isOld: worth == .old)
    }

    /// Held or being filled, whoever has said so.
    package var content: CachedContent? {
        switch self {
        case .held(let content, _), .unconfirmed(let content): content
        case .absent: nil
        }
    }
}

/// What a HEAD request asks for.
package struct CachedHead: Sendable, Equatable {
    /// Bytes.
    package let size: Int
    /// Of a manifest; nil: it is a blob.
    package let mediaType: String?
    /// Whether the source's registry has said within `stale` that it has the content.
    package let isConfirmed: Bool
    /// It has, and is to be asked again meanwhile: see `CacheStore.claimRenewal`.
    package let isOld: Bool
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
