import Registry

/// What is held: a value without files and without a clock of its own.
struct CacheIndex: Sendable {
    private var entries: [Digest: Placed] = [:]
    private var order = UseOrder<Digest>()
    /// Bytes on disk of what is held.
    private(set) var heldBytes = 0
    /// Bytes promised to fills in progress.
    private(set) var reservedBytes = 0

    struct Entry: Sendable, Equatable {
        /// Bytes of the content.
        var size: Int
        var mediaType: String?
        /// Its bytes have been hashed since the start.
        var isVerified: Bool
        var confirmations = Confirmations()
        /// Seconds since 1970.
        var lastUse: Int
        /// The last use that the file's time tells.
        var writtenUse: Int

        /// Bytes on disk. A sidecar's line has less than half a kibibyte, unless names are very long.
        var cost: Int { CacheIndex.cost(size) + confirmations.all.count / 8 * CacheIndex.block }
    }

    private struct Placed: Sendable {
        var entry: Entry
        /// In the order of use.
        let place: Int
    }

    /// A file system's block. Files and sidecar files are counted in whole blocks.
    private static let block = 4096
    /// With more, the oldest ones go: the index is in memory.
    static let maxEntries = 500_000

    /// Bytes that a content of this size takes on disk, with its sidecar file.
    static func cost(_ size: Int) -> Int { (size + block - 1) / block * block + block }

    init() {}

    /// What a scan has found.
    /// - Parameter found: the one first that has not been used for the longest time.
    init(_ found: [DirectoryScan.Found], at now: Int, stale: Int) {
        for content in found {
            // A time that lies in the future would never be written again.
            let time = max(0, min(content.lastUse, now)), sidecar = content.sidecar
            var entry = Entry(
                size: sidecar.size, mediaType: sidecar.mediaType, isVerified: false, confirmations: sidecar.confirmations,
                lastUse: time, writtenUse: time)
            entry.confirmations.removeExpired(at: now, stale: stale)
            insert(content.digest, entry)
        }
    }

    var count: Int { entries.count }

    subscript(digest: Digest) -> Entry? { entries[digest]?.entry }

    /// Replaces what was held under this digest. It counts as used last.
    mutating func insert(_ digest: Digest, _ entry: Entry) {
        remove(digest)
        heldBytes += entry.cost
        entries[digest] = Placed(entry: entry, place: order.add(digest))
    }

    /// Counts it as used.
    /// - Returns: nil: not held.
    mutating func use(_ digest: Digest, at now: Int) -> Entry? {
        guard let place = entries.index(forKey: digest) else { return nil }
        entries.values[place].entry.lastUse = now
        order.use(entries.values[place].place)
        return entries.values[place].entry
    }

    /// Changes an entry's confirmations and marks; its size stays.
    /// - Returns: nil: not held.
    @discardableResult
    mutating func update<Result>(_ digest: Digest, _ change: (inout Entry) -> Result) -> Result? {
        guard let place = entries.index(forKey: digest) else { return nil }
        let cost = entries.values[place].entry.cost
        defer { heldBytes += entries.values[place].entry.cost - cost }
        return change(&entries.values[place].entry)
    }

    /// - Returns: nil: not held.
    @discardableResult
    mutating func remove(_ digest: Digest) -> Entry? {
        guard let removed = entries.removeValue(forKey: digest) else { return nil }
        heldBytes -= removed.entry.cost
        order.remove(removed.place)
        return removed.entry
    }

    /// The oldest contents, in the order in which they would go.
    func oldest(_ count: Int) -> [Digest] { order.oldest(count) }

    // MARK: Room

    mutating func reserve(_ bytes: Int) { reservedBytes += bytes }

    mutating func release(_ bytes: Int) { reservedBytes -= bytes }

    /// Removes the contents that have not been used for the longest time, until so many bytes are free again or nothing is left.
    mutating func free(_ bytes: Int) -> [Digest] {
        let goal = heldBytes - bytes
        var removed: [Digest] = []
        while heldBytes > goal, let digest = order.oldest {
            remove(digest)
            removed.append(digest)
        }
        return removed
    }

    /// Removes the contents that have not been used for the longest time, while there are too many for the memory.
    mutating func freeEntries() -> [Digest] {
        var removed: [Digest] = []
        while count > Self.maxEntries, let digest = order.oldest {
            remove(digest)
            removed.append(digest)
        }
        return removed
    }
}
