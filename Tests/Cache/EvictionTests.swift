import Registry
import Testing

@testable import Cache

/// What makes room for what.
struct EvictionTests {
    private let directory = CacheDirectoryOnDisk()
    /// Five of them fit.
    private let contents = (0..<8).map { content(UInt64($0) + 100, size: 300_000) }
    private let capacity = 5 * CacheIndex.cost(300_000)

    private func digests(_ numbers: [Int]) -> [Digest] { numbers.map { sha256(contents[$0]) } }

    @Test func `the contents go that were not used for the longest time`() async {
        let store = await directory.start(size: size(for: capacity))
        for bytes in contents.prefix(5) { #expect(await store.fill(bytes) == .whole) }
        #expect(store.status().bytes == capacity && store.status().evictions == 0)
        #expect(await store.read(sha256(contents[0])) == contents[0])
        #expect(await store.fill(contents[5]) == .whole)
        #expect(store.status(oldest: 9).oldest.map(\.digest) == digests([2, 3, 4, 0, 5]))
        #expect(store.status().evictions == 1 && directory.contents.sorted() == digests([0, 2, 3, 4, 5]).map(\.fileName).sorted())
        // HEAD is no use.
        #expect(store.head(sha256(contents[2]), from: alpha) != nil)
        #expect(await store.fill(contents[6]) == .whole)
        #expect(store.status(oldest: 9).oldest.map(\.digest) == digests([3, 4, 0, 5, 6]))
    }

    @Test func `what is read stays readable when it is evicted`() async {
        let store = await directory.start(size: size(for: capacity))
        #expect(await store.fill(contents[0]) == .whole)
        guard case .held(let content, _) = store.open(sha256(contents[0]), from: alpha) else { return #expect(Bool(false)) }
        let file = await store.file(of: content)
        for bytes in contents.dropFirst() { #expect(await store.fill(bytes) == .whole) }
        if case .absent = store.open(content.digest, from: alpha) {} else { #expect(Bool(false), "it was evicted") }
        #expect(file?.bytes(from: 0, to: 300_000) == contents[0])
        #expect(!directory.contents.contains(content.digest.fileName))
        #expect(await store.fill(contents[0]) == .whole)
        #expect(await store.read(content.digest) == contents[0])
    }

    @Test func `whoever cannot read a file that is gone does not drop the one that has come since`() async {
        let store = await directory.start(size: size(for: capacity))
        #expect(await store.fill(contents[0]) == .whole)
        guard case .held(let content, _) = store.open(sha256(contents[0]), from: alpha) else { return #expect(Bool(false)) }
        store.drop(content)
        await store.settle()
        #expect(await store.fill(contents[0]) == .whole)
        store.drop(content)
        await store.settle()
        #expect(store.status().entries == 1 && directory.contents == [content.digest.fileName])
    }

    @Test func `fills in progress count, and one that is too large is declined`() async {
        let store = await directory.start(size: size(for: capacity))
        for bytes in contents.prefix(4) { #expect(await store.fill(bytes) == .whole) }
        guard case .fill(let first) = store.claim(sha256([1]), for: alpha, since: store.removals(in: alpha)),
            first.begin(size: 600_000, mediaType: nil)
        else { return #expect(Bool(false)) }
        await store.settle()
        guard case .fill(let second) = store.claim(sha256([2]), for: alpha, since: store.removals(in: alpha)),
            second.begin(size: 600_000, mediaType: nil)
        else { return #expect(Bool(false)) }
        await store.settle()
        #expect(store.status().entries == 1 && store.status().reservedBytes == 2 * CacheIndex.cost(600_000))
        guard case .fill(let third) = store.claim(sha256([3]), for: alpha, since: store.removals(in: alpha)) else {
            return #expect(Bool(false))
        }
        #expect(!third.begin(size: 600_000, mediaType: nil) && third.content.progress.phase == .broken)
        #expect(store.status().entries == 1, "nothing goes for what cannot fit")
        first.abandon()
        second.abandon()
        await store.settle()
        #expect(store.status().reservedBytes == 0 && store.status().fills == 0)
        guard case .fill(let huge) = store.claim(sha256([4]), for: alpha, since: store.removals(in: alpha)) else {
            return #expect(Bool(false))
        }
        #expect(!huge.begin(size: .max, mediaType: nil) && !huge.begin(size: -1, mediaType: nil))
    }

    @Test func `a smaller size of a reload evicts at once, and a start evicts what no longer fits`() async {
        let store = await directory.start(size: size(for: capacity))
        for bytes in contents.prefix(5) { #expect(await store.fill(bytes) == .whole) }
        store.change(size: size(for: 3 * CacheIndex.cost(300_000)), stale: 10)
        await store.settle()
        #expect(store.status(oldest: 9).oldest.map(\.digest) == digests([2, 3, 4]) && directory.contents.count == 3)
        store.stop()
        await store.settle()
        let next = await directory.start(size: size(for: 2 * CacheIndex.cost(300_000)))
        await next.settle()
        #expect(next.status().entries == 2 && directory.contents.count == 2)
    }

    @Test func `a fill for which a smaller size of a reload has no room costs nothing that is held`() async {
        let store = await directory.start(size: size(for: 3 * capacity))
        for bytes in contents.prefix(3) { #expect(await store.fill(bytes) == .whole) }
        let large = content(120, size: 2_000_000)
        guard case .fill(let fill) = store.claim(sha256(large), for: alpha, since: store.removals(in: alpha)),
            fill.begin(size: large.count, mediaType: nil)
        else { return #expect(Bool(false)) }
        guard case .fill(let small) = store.claim(sha256(contents[3]), for: alpha, since: store.removals(in: alpha)),
            small.begin(size: 300_000, mediaType: nil)
        else { return #expect(Bool(false)) }
        await fill.append(Array(large.prefix(1_000_000)))
        store.change(size: size(for: capacity), stale: 3600)
        await store.settle()
        #expect(store.status().entries == 3 && store.status().reservedBytes == CacheIndex.cost(300_000))
        await fill.append(Array(large.dropFirst(1_000_000)))
        await small.append(contents[3])
        // Its readers get all of it.
        #expect(await fill.finish() == .whole)
        #expect(await small.finish() == .whole)
        #expect(await store.read(fill.content) == large)
        await store.settle()
        #expect(store.status(oldest: 9).oldest.map(\.digest) == digests([0, 1, 2, 3]) && directory.contents.count == 4)
        #expect(directory.files.allSatisfy { !$0.hasPrefix("partial") } && store.status().fills == 0)
    }

    @Test func `a twentieth of the file system is kept free`() async {
        let files = ScriptedFiles()
        let total = 10_000_000, one = CacheIndex.cost(300_000)
        files.set { $0.space = FileSystemSpace(total: total, free: total / 20 + 4 * one) }
        let events = Events()
        let store = await directory.start(files: files, events: events)
        for bytes in contents.prefix(3) { #expect(await store.fill(bytes) == .whole) }
        #expect(store.status().entries == 3)
        // Others have written: with the next fill there would be too little.
        files.set { $0.space = FileSystemSpace(total: total, free: total / 20 + one / 2) }
        for _ in 0..<10 { store.tick() }
        await store.settle()
        #expect(store.status().entries == 3)
        #expect(await store.fill(contents[3]) == .whole)
        #expect(store.status(oldest: 9).oldest.map(\.digest) == digests([1, 2, 3]))
        // Less than that already.
        files.set { $0.space = FileSystemSpace(total: total, free: total / 20 - one - 1) }
        for _ in 0..<10 { store.tick() }
        await store.settle()
        #expect(store.status(oldest: 9).oldest.map(\.digest) == digests([3]) && store.state == .on)
        // All that is held is not enough.
        files.set { $0.space = FileSystemSpace(total: total, free: 0) }
        for _ in 0..<10 { store.tick() }
        await store.settle()
        #expect(store.state.name == "off" && store.state.reason?.contains("a twentieth") == true && directory.contents == [])
        files.set { $0.space = nil }
        for _ in 0..<30 { store.tick() }
        await store.settle()
        #expect(store.state == .on && events.texts.count == 3)
    }

    @Test func `a file is made when those are gone that were evicted for it`() async {
        let files = ScriptedFiles(), gate = ScriptedFiles.Gate()
        let store = await directory.start(size: size(for: capacity), files: files)
        for bytes in contents.prefix(5) { #expect(await store.fill(bytes) == .whole) }
        await store.settle()
        files.set { $0.hanging["unlinkat"] = gate }
        guard case .fill(let fill) = store.claim(sha256(contents[5]), for: alpha, since: store.removals(in: alpha)),
            fill.begin(size: 300_000, mediaType: nil)
        else { return #expect(Bool(false)) }
        await fill.append(contents[5])
        // The disk answers meanwhile.
        #expect(await store.read(sha256(contents[4])) == contents[4])
        #expect(fill.content.progress.available == 0 && fill.content.file == nil)
        // Another one would have to wait for this one's removals too.
        #expect(await store.fill(contents[6]) == nil && store.status().entries == 4)
        gate.open()
        #expect(await fill.finish() == .whole)
        await store.settle()
        #expect(directory.contents.sorted() == digests([1, 2, 3, 4, 5]).map(\.fileName).sorted())
        #expect(await store.fill(contents[6]) == .whole)
    }

    @Test func `emptying removes contents and tags, and no fill`() async {
        let store = await directory.start()
        for bytes in contents.prefix(3) { #expect(await store.fill(bytes) == .whole) }
        store.setTag(tag("v1"), in: alpha, to: sha256(contents[0]))
        guard case .fill(let fill) = store.claim(sha256(contents[3]), for: alpha, since: store.removals(in: alpha)),
            fill.begin(size: 300_000, mediaType: nil)
        else { return #expect(Bool(false)) }
        let removed = await store.empty()
        #expect(removed.entries == 3 && removed.bytes == 3 * CacheIndex.cost(300_000))
        #expect(directory.contents == [] && store.status().tags == 0 && store.digest(of: tag("v1"), in: alpha) == nil)
        await fill.append(contents[3])
        #expect(await fill.finish() == .whole)
        await store.settle()
        #expect(directory.contents == digests([3]).map(\.fileName))
        store.stop()
        await store.settle()
        let next = await directory.start()
        #expect(next.status().tags == 0 && next.status().entries == 1)
    }
}
