import Registry

/// What is held: a value without files and without a clock of its own.
struct CacheIndex: Sendable {
    private var entries = LRU<Entry>()
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
        /// In memory, where an entry takes as much as four confirmations: half a kibibyte.
        var weight: Int { 1 + confirmations.all.count / 4 }
    }

    /// A file system's block. Files and sidecar files are counted in whole blocks.
    private static let block = 4096
    /// With more, the oldest ones go: the index is in memory.
    static let maxWeight = 500_000

    /// Bytes that a content of this size takes on disk, with its sidecar file.
    static func cost(_ size: Int) -> Int { (size + block - 1) / block * block + block }

    init() {}

    /// What a scan has found.
    /// - Parameter found: the one first that has not been used for the longest time.
    init(_ found: [DirectoryScan.Content], at now: Int) {
        for content in found {
            // A time that lies in the future would never be written again.
            let time = max(0, min(content.lastUse, now)), sidecar = content.sidecar
            let entry = Entry(
                size: sidecar.size, mediaType: sidecar.mediaType, isVerified: false, confirmations: sidecar.confirmations,
                lastUse: time, writtenUse: time)
            insert(content.digest, entry)
        }
    }

    var count: Int { entries.count }
    /// Bytes on disk of what is held.
    var heldBytes: Int { entries.cost }
    /// The sum of what they weigh.
    var weight: Int { entries.weight }

    subscript(digest: Digest) -> Entry? { entries[digest] }

    /// Replaces what was held under this digest. It counts as used last.
    mutating func insert(_ digest: Digest, _ entry: Entry) {
        entries.insert(digest, entry, cost: entry.cost, weight: entry.weight)
    }

    /// Counts it as used.
    /// - Returns: nil: not held.
    mutating func use(_ digest: Digest, at now: Int) -> Entry? { entries.use(digest) { $0.lastUse = now } }

    /// - Returns: nil: not held.
    @discardableResult
    mutating func update<Result>(_ digest: Digest, _ change: (inout Entry) -> Result) -> Result? {
        entries.update(digest) { item in
            defer { (item.cost, item.weight) = (item.value.cost, item.value.weight) }
            return change(&item.value)
        }
    }

    /// - Returns: nil: not held.
    @discardableResult
    mutating func remove(_ digest: Digest) -> Entry? { entries.remove(digest) }

    /// The oldest contents, in the order in which they would go.
    func oldest(_ count: Int) -> [Digest] { entries.oldest(count) }

    // MARK: Room

    mutating func reserve(_ bytes: Int) { reservedBytes += bytes }

    mutating func release(_ bytes: Int) { reservedBytes -= bytes }

    /// Removes the contents that have not been used for the longest time, until so many bytes are free again or nothing is left, and while there are
    /// too many for the memory.
    mutating func free(_ bytes: Int) -> [Digest] { entries.evict(toCost: heldBytes - bytes, weight: Self.maxWeight) }
}
