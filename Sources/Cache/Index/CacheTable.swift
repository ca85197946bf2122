import Registry

/// All that the store knows, as one value: what is held, what is being read or written, and what is to be written down. It calls nobody.
struct CacheTable: Sendable {
    var settings: CacheSettings
    var state = CacheState.starting
    /// What has been read, and where jobs may write; nil: nothing for now.
    var directory: CacheDirectory?
    private(set) var tagLog: TagLog?
    var index = CacheIndex()
    var tags = TagTable()
    var growing = GrowingContents()
    private(set) var kept = KeptContents()
    var pending = PendingWork()
    var removals = Removals()
    private var space = FreeSpace()
    private(set) var evictions = 0
    var corruptions = 0

    /// Fills at a time. Each has half a mebibyte of buffers.
    static let maxFills = 128
    /// Seconds after which a use is told by the file's time.
    private static let touchInterval = 3600

    init(_ settings: CacheSettings) { self.settings = settings }

    /// Also while the disk only cannot be written.
    private var isReadable: Bool { directory != nil && (state == .on || state.isOff) }

    // MARK: Reading

    mutating func open(_ digest: Digest, from source: ContentSource, at now: Int) -> FoundContent {
        guard isReadable, let directory else { return FoundContent() }
        guard let entry = index.use(digest, at: now) else {
            // Also a fill that has just ended, until its file has its name.
            guard let (content, fill) = growing.fill(of: digest) else { return FoundContent() }
            return FoundContent(lookup: lookup(content, fill.confirmations, source, now))
        }
        if now - entry.writtenUse >= Self.touchInterval {
            index.update(digest) { $0.writtenUse = now }
            pending.touches.insert(digest)
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
        CacheLookup(content, confirmed.worth(of: source, at: now, stale: settings.stale))
    }

    func head(_ digest: Digest, from source: ContentSource, at now: Int) -> CachedHead? {
        guard isReadable else { return nil }
        func head(_ size: Int, _ type: String?, _ confirmed: Confirmations) -> CachedHead {
            let worth = confirmed.worth(of: source, at: now, stale: settings.stale)
            return CachedHead(size: size, mediaType: type, isConfirmed: worth != .none, isOld: worth == .old)
        }
        if let entry = index[digest] { return head(entry.size, entry.mediaType, entry.confirmations) }
        guard let (content, fill) = growing.fill(of: digest), case let progress = content.progress, progress.phase != .announced
        else { return nil }
        return head(progress.size, content.mediaType, fill.confirmations)
    }

    /// A content that was checked is whole.
    mutating func verified(_ content: CachedContent, size: Int) {
        guard growing.remove(content), index.update(content.digest, { $0.isVerified = true }) != nil else { return }
        kept.insert(content, size: size)
    }

    /// The content's file is not to be used any more.
    mutating func drop(_ content: CachedContent) {
        // Another file has been written since.
        if let current = kept[content.digest] ?? growing.any(content.digest), current !== content { return }
        if growing.fill(of: content) == nil { growing.remove(content) }
        if index.remove(content.digest) != nil { doom([content.digest]) }
    }

    /// They are not in the index any more.
    private mutating func doom(_ digests: [Digest]) {
        for digest in digests { kept.remove(digest) }
        pending.doomed += digests
    }

    // MARK: Filling

    mutating func claim(_ digest: Digest, for source: ContentSource, confirms: Bool, at now: Int) -> ClaimedContent {
        let found = open(digest, from: source, at: now)
        if case .absent = found.lookup {} else { return .found(found) }
        // One that has ended, and that nobody has taken away yet.
        if let former = growing.any(digest) { endFill(former) }
        // Held all the same, or while it is checked held no more: it cannot be read now.
        guard state == .on, index[digest] == nil, growing[digest] == nil, growing.fills < Self.maxFills else { return .declined }
        let content = CachedContent(digest, from: source.registry)
        growing.announce(content, confirmedBy: confirms ? source : nil, at: now)
        return .fill(content)
    }

    /// Makes room for a fill.
    mutating func reserve(_ content: CachedContent, size: Int) -> Bool {
        guard state == .on, growing.fill(of: content) != nil, size <= min(settings.capacity, Sidecar.maxSize) else { return false }
        let cost = CacheIndex.cost(size), held = index.heldBytes, capacity = settings.capacity
        // What was promised may not have been written yet.
        let deficit = space.deficit(for: index.reservedBytes + cost)
        // Where files go more slowly than others come, they pass without being kept.
        guard deficit <= held, index.reservedBytes + cost <= capacity, !pending.isBehind(capacity) else { return false }
        evict { index in index.free(max(index.heldBytes + index.reservedBytes + cost - capacity, deficit)) }
        // The fill waits for the removals, and its reader with it.
        guard !pending.isLong else { return false }
        index.reserve(cost)
        growing.updateFill(of: content.digest) { $0.reserved = cost }
        return true
    }

    /// What is to be written beside a fill that is whole; nil: it is not wanted any more.
    func sidecar(of content: CachedContent, size: Int) -> Sidecar? {
        growing.fill(of: content).map { Sidecar(size: size, mediaType: content.mediaType, confirmations: $0.confirmations) }
    }

    /// A fill is whole, and its file has its name.
    /// - Parameter written: what its sidecar says.
    mutating func commit(_ content: CachedContent, _ written: Sidecar, at now: Int) {
        // It was abandoned meanwhile.
        guard let fill = endFill(content) else { return pending.doomed.append(content.digest) }
        let entry = CacheIndex.Entry(
            size: written.size, mediaType: written.mediaType, isVerified: true, confirmations: fill.confirmations, lastUse: now,
            writtenUse: now)
        index.insert(content.digest, entry)
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

    private mutating func evict(_ choose: (inout CacheIndex) -> [Digest]) {
        let held = index.heldBytes, digests = choose(&index), freed = held - index.heldBytes
        evictions += digests.count
        pending.doomedBytes += freed
        space.add(freed)
        doom(digests)
    }

    /// Evicts what is too much for the size. Fills that are too much by themselves go on for their readers, and are not kept.
    mutating func shrink() {
        while index.reservedBytes > settings.capacity, let fill = growing.largestFill { endFill(fill) }
        evict { [settings] in $0.free($0.heldBytes + $0.reservedBytes - settings.capacity) }
    }

    /// Evicts so much that the share of the file system will be free.
    /// - Returns: false: there is not enough to evict.
    mutating func shrink(to figures: FileSystemSpace) -> Bool {
        space.set(figures)
        let deficit = space.deficit(), held = index.heldBytes
        evict { $0.free(deficit) }
        return held >= deficit
    }

    // MARK: Confirmations

    /// - Returns: as `CacheStore.confirm`.
    mutating func confirm(_ digest: Digest, for source: ContentSource, at now: Int) -> Bool {
        let stale = settings.stale
        growing.updateFill(of: digest) { _ = $0.confirmations.confirm(source, at: now, stale: stale) }
        let change = index.update(digest) { $0.confirmations.confirm(source, at: now, stale: stale) } ?? .nothing
        if change != .nothing { pending.confirmed.insert(digest) }
        return change == .renewed
    }

    mutating func forget(_ digest: Digest, for source: ContentSource, isDeleted: Bool) {
        let isChanged = index.update(digest) { $0.confirmations.forget(source) } == true
        if isChanged { pending.sidecars.insert(digest) }
        growing.updateFill(of: digest) { _ = $0.confirmations.forget(source) }
        let led = tags.forget(digest, in: source)
        for tag in led { pending.changeTag(tag, in: source) }
        if isDeleted || isChanged || !led.isEmpty { pending.forgotten.add(.content(digest, source)) }
    }

    // MARK: The directory

    /// The directory has been read.
    /// - Parameter found: becomes what there was before, to be freed without the lock.
    mutating func begin(_ found: inout FoundDirectory) {
        found.forget(&pending)
        // What became known meanwhile counts more.
        found.tags.merge(tags)
        (directory, tagLog) = (found.directory, found.log)
        swap(&index, &found.index)
        swap(&tags, &found.tags)
        // Also since the log may end with a torn line, which the next one must not continue.
        pending.changeAllTags()
        shrink()
    }

    /// Nothing is written for now. What is held stays, and is read.
    /// - Parameter isFull: a write has found no room, of which the figures of the file system may tell nothing.
    /// - Returns: fills that have ended.
    mutating func turnOff(reason: String, isFull: Bool) -> [CachedContent] {
        let fills = growing.contents.filter { endFill($0) != nil }
        if isFull, !state.isOff { evict { $0.free($0.heldBytes / FreeSpace.share + 1) } }
        state = .off(reason: reason)
        return fills
    }

    /// Forgets what the directory has told: it may be another one when it is read again. What grows, ends.
    /// - Parameter next: the state, unless it is stopped. Not `on`, without a directory.
    /// - Returns: the table before, to be freed without the lock.
    mutating func reset(to next: CacheState) -> CacheTable {
        let former = self
        self = CacheTable(settings)
        (state, evictions, corruptions) = (former.state == .stopped ? .stopped : next, former.evictions, former.corruptions)
        (tags, removals, pending.forgotten) = (former.tags, former.removals, former.pending.forgotten)
        return former
    }

    /// Forgets all that is held, but no fill.
    /// - Returns: the table before, to be freed without the lock.
    mutating func empty() -> CacheTable {
        let former = self
        (index, kept, tags) = (CacheIndex(), KeptContents(), TagTable())
        index.reserve(former.index.reservedBytes)
        pending.empty(former.index)
        pending.changeAllTags()
        pending.forgotten.addEverything()
        removals.addToAll()
        return former
    }
}
