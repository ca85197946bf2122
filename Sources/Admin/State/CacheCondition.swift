package import FoundationEssentials

/// The state of the cache, as the admin listener shows it.
package struct CacheCondition: Sendable, Encodable {
    /// As in the configuration.
    package var directory: String
    /// `starting`, `on`, `waiting` (for another process that uses the directory), `off` (the disk failed) or `stopped`.
    package var state: String
    /// Why it is not used, and what to do; nil: it is.
    package var problem: String?
    /// As configured: bytes on the disk at most, and how many seconds the registry's word counts.
    package var size: Int, staleSeconds: Int
    /// Bytes on the disk, and of small contents that are in memory too.
    package var bytes: Int, memoryBytes: Int
    /// Blobs and manifests held, and tags whose last image is known.
    package var entries: Int, tags: Int
    /// Downloads in progress.
    package var fills: Int
    /// Since the start: removed to make room; removed because their bytes were wrong.
    package var evictions: Int, corruptions: Int
    /// Requests since the start, by what the cache had: the labels of `berth_cache_requests_total`.
    package var requests: [String: Int]
    /// What would be removed next, in this order.
    package var oldest: [Content]

    /// A blob or a manifest that is held.
    package struct Content: Sendable, Encodable {
        let digest: String, size: Int, mediaType: String?, lastUsed: Date

        /// - Parameter mediaType: nil: the registry did not say.
        package init(digest: String, size: Int, mediaType: String?, lastUsed: Date) {
            (self.digest, self.size, self.mediaType, self.lastUsed) = (digest, size, mediaType, lastUsed)
        }

        enum CodingKeys: String, CodingKey {
            case digest, size
            case mediaType = "media_type"
            case lastUsed = "last_used"
        }
    }

    enum CodingKeys: String, CodingKey {
        case directory, state, problem, size, bytes, entries, tags, fills, evictions, corruptions, requests, oldest
        case staleSeconds = "stale_seconds"
        case memoryBytes = "memory_bytes"
        case hitRate = "hit_rate"
    }

    /// An empty cache; the figures are set afterwards.
    package init(directory: String, state: String, problem: String?, size: Int, staleSeconds: Int) {
        (self.directory, self.state, self.problem, self.size, self.staleSeconds) = (directory, state, problem, size, staleSeconds)
        (bytes, memoryBytes, entries, tags, fills, evictions, corruptions) = (0, 0, 0, 0, 0, 0, 0)
        (requests, oldest) = ([:], [])
    }

    /// The part of the requests that needed no download of their own, from 0 to 1; nil before the first.
    var hitRate: Double? {
        let all = requests.values.reduce(0, +)
        return all == 0 ? nil : Double(all - (requests["miss"] ?? 0)) / Double(all)
    }

    /// Also what is calculated.
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(directory, forKey: .directory)
        try container.encode(state, forKey: .state)
        try container.encodeIfPresent(problem, forKey: .problem)
        try container.encode(size, forKey: .size)
        try container.encode(staleSeconds, forKey: .staleSeconds)
        try container.encode(bytes, forKey: .bytes)
        try container.encode(memoryBytes, forKey: .memoryBytes)
        try container.encode(entries, forKey: .entries)
        try container.encode(tags, forKey: .tags)
        try container.encode(fills, forKey: .fills)
        try container.encode(evictions, forKey: .evictions)
        try container.encode(corruptions, forKey: .corruptions)
        try container.encode(requests, forKey: .requests)
        try container.encodeIfPresent(hitRate, forKey: .hitRate)
        try container.encode(oldest, forKey: .oldest)
    }
}
