package import Registry

/// Whether the cache is used.
package enum CacheState: Sendable, Equatable {
    /// The directory is being read. Nothing is found or filled.
    case starting
    /// In use.
    case on
    /// Another process uses the directory, for instance the one that drains after a take-over. Tried again each second.
    case waiting
    /// The disk failed. Tried again each 30 seconds. If it only cannot be written, what is held is found. The reason names the call or the file, and
    /// what to do.
    case off(reason: String)
    /// Handed over to another process, or stopped. Final.
    case stopped

    /// One word: `starting`, `on`, `waiting`, `off`, `stopped`.
    package var name: String {
        switch self {
        case .starting: "starting"
        case .on: "on"
        case .waiting: "waiting"
        case .off: "off"
        case .stopped: "stopped"
        }
    }

    /// The disk failed.
    package var isOff: Bool { if case .off = self { true } else { false } }

    /// Why nothing is filled; nil: contents are.
    package var reason: String? {
        switch self {
        case .starting, .on: nil
        case .waiting: "another process uses the directory"
        case .off(let reason): reason
        case .stopped: "stopped"
        }
    }
}

/// What the admin listener and the metrics show.
package struct CacheStatus: Sendable {
    /// Whether the cache is used, and why not.
    package var state: CacheState
    package var settings: CacheSettings
    /// Bytes on disk, sidecar files and blocks that are not full included; without fills in progress.
    package var bytes: Int
    /// Contents held.
    package var entries: Int
    /// Bytes promised to fills in progress.
    package var reservedBytes: Int
    /// Fills in progress that are not whole.
    package var fills: Int
    /// Bytes of small contents in memory.
    package var memoryBytes: Int
    /// Contents removed to make room, since the store was made.
    package var evictions: Int
    /// Contents whose bytes were wrong, on disk or from the upstream, since the store was made.
    package var corruptions: Int
    /// Tags whose last digest is known.
    package var tags: Int
    /// What would be removed next, in this order.
    package var oldest: [Content]

    /// A content held.
    package struct Content: Sendable {
        /// Its name.
        package var digest: Digest
        /// Its bytes.
        package var size: Int
        /// As the upstream said; nil: it did not.
        package var mediaType: String?
        /// Seconds since 1970.
        package var lastUse: Int
    }
}

extension CacheStatus {
    /// - Parameter oldest: contents at most in `oldest`.
    init(_ table: CacheTable, oldest count: Int) {
        state = table.state
        settings = table.settings
        bytes = table.index.heldBytes
        entries = table.index.count
        reservedBytes = table.index.reservedBytes
        fills = table.growing.fills
        memoryBytes = table.kept.memoryBytes
        evictions = table.evictions
        corruptions = table.corruptions
        tags = table.tags.count
        oldest = table.index.oldest(count).compactMap { digest in
            table.index[digest].map { Content(digest: digest, size: $0.size, mediaType: $0.mediaType, lastUse: $0.lastUse) }
        }
    }
}
