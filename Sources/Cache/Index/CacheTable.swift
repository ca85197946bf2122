import Registry

/// All that the store knows, as one value: what is held, what is being read or written, and what is to be written down. It calls nobody.
struct CacheTable: Sendable {
    var settings: CacheSettings
    var state = CacheState.starting
    /// Where jobs may write; nil: nowhere for now.
    var directory: CacheDirectory?
    private(set) var tagLog: TagLog?
    private(set) var index = CacheIndex()
    var tags = TagTable()
    private(set) var growing = GrowingContents()
    private(set) var kept = KeptContents()
    var pending = PendingWork()
    /// As it was lately; nil: not known.
    private var space: FileSystemSpace?
    private(set) var evictions = 0
    var corruptions = 0

    /// Fills at a time. Each has half a mebibyte of buffers.
    static let maxFills = 128
    /// One part in so many of its file system is kept free.
    private static let freeShare = 20
    /// Seconds after which a use is told by the file's time.
    private static let touchInterval = 3600

    init(_ settings: CacheSettings) { self.settings = settings }

    // MARK: Reading

    mutating func open(_ digest: Digest, from source: ContentSource, at now: Int) -> FoundContent {
        guard state == .on, let directory else { return FoundContent() }
        guard let entry = index.use(digest, at: now) else {
            // Also a fill that has just ended, until its file has its name.
            guard let (content, fill) = growing.fill(of: digest) else { return FoundContent() }
            return FoundContent(lookup: lookup(content, fill.confirmations, source, now))
        }
        if now - entry.writtenUse >= Self.touchInterval {
            index.update(digest) { $0.writtenUse = now }
            pending.touches.append(digest)
        }
        if let content = kept.use(digest, size: entry.size) ?? growing[digest] {
            return FoundContent(lookup: lookup(content, entry.confirmations, source, now))
        }
        // A small one that has left the memory is read as a whole, so it can as well be hashed.
        let isWhole = entry.isVerified && !KeptContents.isSmall(entry.size)
        guard isWhole || !growing.isFull else { return FoundContent() }
        let content = CachedContent(
            digest, progress: .init(phase: isWhole ? .whole : .growing, size: entry.size, available: isWhole ? entry.size : 0),
            mediaType: entry.mediaType)
        if isWhole { kept.insert(content, size: entry.size) } else { growing.insert(content, fill: nil) }
        return FoundContent(
            lookup: lookup(content, entry.confirmations, source, now),
            toCheck: isWhole ? nil : ContentToCheck(content: content, directory: directory))
    }

    private func lookup(_ content: CachedContent, _ confirmed: Confirmations, _ source: ContentSource, _ now: Int) -> CacheLookup {
        confirmed.isConfirmed(by: source, at: now, stale: settings.stale) ? .held(content) : .unconfirmed(content)
    }

    func head(_ digest: Digest, from source: ContentSource, at now: Int) -> CachedHead? {
        guard state == .on else { return nil }
        func head(_ size: Int, _ mediaType: String?, _ confirmations: Confirmations) -> CachedHead {
            let isConfirmed = confirmations.isConfirmed(by: source, at: now, stale: settings.stale)
            return CachedHead(size: size, mediaType: mediaType, isConfirmed: isConfirmed)
        }
        if let entry = index[digest] { return head(entry.size, entry.mediaType, entry.confirmations) }
        guard let (content, fill) = growing.fill(of: digest), case let progress = content.progress, progress.phase != .announced
        else { return nil }
        return head(progress.size, content.mediaType, fill.confirmations)
    }

    /// A content that was checked is whole.
    mutating func verified(_ content: CachedContent, size: Int) {
        guard growing.remove(content), index[content.digest] != nil else { return }
        index.update(content.digest) { $0.isVerified = true }
        kept.insert(content, size: size)
    }

    /// A content was not checked to its end, for want of something else than its file.
    mutating func interrupted(_ content: CachedContent) { growing.remove(content) }

    /// The content's file is not to be used any more.
    mutating func drop(_ content: CachedContent) {
        if growing.fill(of: content) == nil { growing.remove(content) }
        guard index.remove(content.digest) != nil else { return }
        doom([content.digest])
    }

    /// They are not in the index any more.
    private mutating func doom(_ digests: [Digest]) {
        for digest in digests { kept.remove(digest) }
        pending.doomed += digests
    }

    // MARK: Filling

    enum Claimed: Sendable {
        case fill(CachedContent)
        case found(FoundContent)
        case declined
    }

    mutating func claim(_ digest: Digest, for source: ContentSource, at now: Int) -> Claimed {
        let found = open(digest, from: source, at: now)
        if case .absent = found.lookup {} else { return .found(found) }
        // One that has ended, and that nobody has taken away yet.
        if let former = growing.any(digest) { endFill(former) }
        // Held all the same, or while it is checked held no more: it cannot be read now.
        guard state == .on, index[digest] == nil, growing[digest] == nil, growing.fills < Self.maxFills else { return .declined }
        let content = CachedContent(digest, progress: .init(phase: .announced, size: 0, available: 0), mediaType: nil)
        var fill = GrowingContents.FillRecord()
        fill.confirmations.add(source, time: now)
        growing.insert(content, fill: fill)
        return .fill(content)
    }

    /// Makes room for a fill.
    mutating func reserve(_ content: CachedContent, size: Int) -> Bool {
        guard state == .on, growing.fill(of: content) != nil, size <= settings.size else { return false }
        let cost = CacheIndex.cost(size), held = index.heldBytes
        // What was promised may not have been written yet.
        let deficit = space.map { Self.floor($0) - $0.free + index.reservedBytes + cost } ?? 0
        guard deficit <= held, let evicted = index.makeRoom(for: cost, capacity: settings.size) else { return false }
        evict(evicted)
        let rest = deficit - (held - index.heldBytes)
        if rest > 0 { evict(index.free(rest)) }
        space?.free += held - index.heldBytes
        index.reserve(cost)
        growing.updateFill(of: content.digest) { $0.reserved = cost }
        return true
    }

    /// All bytes of a fill are written.
    mutating func complete(_ content: CachedContent) { growing.complete(content) }

    /// What is to be written beside a fill that is whole; nil: it is not wanted any more.
    func sidecar(of content: CachedContent, size: Int) -> Sidecar? {
        growing.fill(of: content).map { Sidecar(size: size, mediaType: content.mediaType, confirmations: $0.confirmations) }
    }

    /// A fill is whole, and its file has its name.
    /// - Parameter written: what its sidecar says.
    mutating func commit(_ content: CachedContent, _ written: Sidecar, at now: Int) {
        guard let fill = endFill(content) else { return }
        index.insert(
            content.digest,
            .init(
                size: written.size, mediaType: written.mediaType, isVerified: true, confirmations: fill.confirmations, lastUse: now,
                writtenUse: now))
        if fill.confirmations != written.confirmations { pending.sidecars.insert(content.digest) }
        kept.insert(content, size: written.size)
        shrink()
    }

    /// - Returns: nil: it had ended before.
    @discardableResult
    mutating func endFill(_ content: CachedContent) -> GrowingContents.FillRecord? {
        guard let fill = growing.fill(of: content), growing.remove(content) else { return nil }
        index.release(fill.reserved)
        return fill
    }

    /// A fill has ended, perhaps while its file was given its name.
    mutating func abandoned(_ content: CachedContent) {
        if endFill(content) == nil { kept.remove(content) }
    }

    // MARK: Room

    private static func floor(_ space: FileSystemSpace) -> Int { space.total / freeShare }

    private mutating func evict(_ digests: [Digest]) {
        evictions += digests.count
        doom(digests)
    }

    /// Evicts what is too much for `settings.size`.
    mutating func shrink() { evict(index.free(index.heldBytes + index.reservedBytes - settings.size) + index.freeEntries()) }

    /// Evicts so much that the share of the file system will be free.
    /// - Returns: false: there is not enough to evict.
    mutating func shrink(to space: FileSystemSpace) -> Bool {
        // Some file systems do not tell.
        self.space = space.total > 0 ? space : nil
        let deficit = space.total == 0 ? 0 : Self.floor(space) - space.free, held = index.heldBytes
        evict(index.free(deficit))
        self.space?.free += held - index.heldBytes
        return held >= deficit
    }

    // MARK: Confirmations

    mutating func confirm(_ digest: Digest, for source: ContentSource, at now: Int) {
        let stale = settings.stale
        var isChanged = false
        index.update(digest) { isChanged = $0.confirmations.confirm(source, at: now, stale: stale) }
        if isChanged { pending.sidecars.insert(digest) }
        growing.updateFill(of: digest) { _ = $0.confirmations.confirm(source, at: now, stale: stale) }
    }

    mutating func forget(_ digest: Digest, for source: ContentSource) {
        var isChanged = false
        index.update(digest) { isChanged = $0.confirmations.forget(source) }
        if isChanged { pending.sidecars.insert(digest) }
        growing.updateFill(of: digest) { _ = $0.confirmations.forget(source) }
        for tag in tags.forget(digest, in: source) { pending.tags.append(.init(source: source, tag: tag)) }
    }

    // MARK: The directory

    /// The directory has been read.
    /// - Parameter found: the one first that has not been used for the longest time.
    mutating func begin(
        in directory: CacheDirectory, _ log: TagLog, _ found: [DirectoryScan.Found], _ rows: [TagTable.Row], at now: Int
    ) {
        (self.directory, tagLog) = (directory, log)
        for content in found {
            // A time that lies in the future would never be written again.
            let time = min(content.lastUse, now)
            let sidecar = content.sidecar
            index.insert(
                content.digest,
                .init(
                    size: sidecar.size, mediaType: sidecar.mediaType, isVerified: false, confirmations: sidecar.confirmations,
                    lastUse: time, writtenUse: time))
        }
        for row in rows { _ = tags.set(row.tag, in: row.source, to: row.known.digest, at: row.known.time, stale: 0) }
        shrink()
    }

    /// Forgets all: the directory may be another one when it is read again.
    /// - Returns: contents that do not grow any more.
    mutating func turnOff(reason: String) -> [CachedContent] {
        let contents = growing.contents
        let former = self
        self = CacheTable(former.settings)
        (state, evictions, corruptions) = (.off(reason: reason), former.evictions, former.corruptions)
        return contents
    }

    /// Forgets all that is held, but no fill.
    mutating func empty() -> (entries: Int, bytes: Int) {
        let removed = (index.count, index.heldBytes)
        doom(index.free(index.heldBytes))
        pending.tags += tags.rows.map { .init(source: $0.source, tag: $0.tag) }
        tags = TagTable()
        return removed
    }
}
