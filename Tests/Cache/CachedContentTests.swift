import Synchronization
import TestSupport
import Testing

@testable import Cache

/// How far readers may read, and how they wait.
struct CachedContentTests {
    private func growing(_ size: Int) -> CachedContent {
        let content = CachedContent(sha256([]), from: alpha.registry)
        content.begin(size: size, mediaType: "a/b")
        return content
    }

    @Test(arguments: [0, 1, 2, 65_535, 65_536, 65_537, 1_000_000], [1, 2, 3] as [UInt64])
    func `the last bytes are held back until the content is whole`(size: Int, seed: UInt64) {
        let content = growing(size)
        var random = Seeded(seed)
        var written = 0
        var last = content.progress
        while true {
            content.advance(to: written)
            let progress = content.progress
            #expect(progress.available >= last.available && progress.available <= written)
            #expect(progress.available == max(0, min(written, size - min(size, CachedContent.maxHeldBack))))
            if size > 0 { #expect(progress.available < size) }
            last = progress
            if written == size { break }
            written = min(size, written + Int.random(in: 1...max(1, size / 3), using: &random))
        }
        #expect(content.end(.whole) && content.progress.available == size && !content.end(.corrupt))
        #expect(content.progress.phase == .whole && content.mediaType == "a/b")
    }

    @Test(arguments: [CachedContent.Phase.broken, .corrupt])
    func `no more becomes available after another end`(phase: CachedContent.Phase) {
        let content = growing(200_000)
        content.advance(to: 100_000)
        #expect(content.end(phase))
        content.advance(to: 200_000)
        #expect(content.progress == .init(phase: phase, size: 200_000, available: 100_000))
    }

    @Test func `bytes of a file whose check does not come to its end may be wrong`() {
        func checked(_ written: Int) -> CachedContent {
            let content = CachedContent(sha256([]), progress: .init(phase: .growing, size: 200_000, available: 0), mediaType: nil)
            content.advance(to: written)
            content.end(.broken)
            return content
        }
        #expect(checked(0).progress.phase == .broken && checked(100_000).progress.phase == .corrupt)
    }

    @Test func `a small content is in memory from the moment at which it has no file`() {
        let content = growing(3)
        let disk = DiskThreads([], watch: DiskWatch())
        content.setFile(ContentFile(owning: -1, files: SystemFiles(), disk: disk))
        #expect(content.place.memory == nil && content.place.file != nil)
        content.end(.whole, memory: [1, 2, 3])
        #expect(content.place.memory == [1, 2, 3] && content.place.file == nil)
    }

    @Test func `a reader is woken once, when there is more than it has`() {
        let content = growing(1_000_000)
        content.advance(to: 1000)
        let calls = Mutex<[Int]>([])
        func wait(beyond offset: Int) -> Int? { content.notify(beyond: offset) { calls.withLock { $0.append(offset) } } }
        #expect(wait(beyond: 999) == nil && wait(beyond: -1) == nil)
        #expect(wait(beyond: 1000) != nil && wait(beyond: 5000) != nil)
        let cancelled = wait(beyond: 1000)
        content.cancelNotification(cancelled ?? 0)
        content.advance(to: 1000)
        #expect(calls.withLock { $0 } == [])
        content.advance(to: 1001)
        #expect(calls.withLock { $0 } == [1000])
        content.advance(to: 2000)
        #expect(calls.withLock { $0 } == [1000])
        content.end(.broken)
        #expect(calls.withLock { $0 } == [1000, 5000])
        #expect(wait(beyond: .max) == nil)
    }

    @Test func `a reader of what is only announced waits for its size`() async {
        let content = CachedContent(sha256([]), from: alpha.registry)
        async let progress = content.wait(beyond: -1)
        content.begin(size: 7, mediaType: nil)
        #expect(await progress.size == 7)
        let declined = CachedContent(sha256([]), from: alpha.registry)
        async let end = declined.wait(beyond: -1)
        declined.end(.broken)
        #expect(await end.phase == .broken)
    }

    @Test func `small contents are kept in memory up to a bound, and need no file`() async {
        let directory = CacheDirectoryOnDisk()
        let store = await directory.start()
        let small = content(1, size: 256 << 10), large = content(2, size: (256 << 10) + 1)
        await store.fill(small)
        await store.fill(large)
        guard case .held(let first, _) = store.open(sha256(small), from: alpha),
            case .held(let second, _) = store.open(sha256(large), from: alpha)
        else { return #expect(Bool(false)) }
        #expect(first.memory == small && first.file == nil && second.memory == nil && second.file != nil)
        // The same object for the next reader.
        guard case .held(let again, _) = store.open(sha256(large), from: alpha) else { return #expect(Bool(false)) }
        #expect(again === second && store.status().memoryBytes == small.count + 512)
    }

    @Test func `what was not read for the longest time is kept no more`() {
        func content(_ number: Int, _ size: Int) -> CachedContent {
            let digest = sha256([UInt8(number % 256), UInt8(number / 256)])
            return CachedContent(digest, progress: .init(phase: .whole, size: size, available: size), mediaType: nil)
        }
        let size = KeptContents.maxSmall + 1, last = KeptContents.maxFiles
        let contents = (0...last).map { content($0, size) }
        var kept = KeptContents()
        for content in contents.dropLast() { kept.insert(content, size: size) }
        let used = kept.use(contents[0].digest, size: size)
        #expect(used === contents[0])
        kept.insert(contents[last], size: size)
        #expect(contents.indices.filter { kept[contents[$0].digest] == nil } == [1])
        kept.remove(content(0, size))
        kept.remove(contents[2])
        #expect(kept[contents[0].digest] === contents[0], "another object of the same digest stays")
        #expect(kept[contents[2].digest] == nil && kept.memoryBytes == 0)
        for number in 1000..<1500 { kept.insert(content(number, 100_000), size: 100_000) }
        #expect(kept.memoryBytes > 30 << 20 && kept.memoryBytes <= 32 << 20)
        #expect(kept[content(1499, 0).digest] != nil && kept[content(1000, 0).digest] == nil && kept[contents[0].digest] != nil)
    }

    @Test func `a small content that has left the memory is read again, and a large one opened`() async {
        let directory = CacheDirectoryOnDisk()
        let small = content(1, size: 100_000), large = content(2, size: 300_000)
        let store = await directory.start()
        await store.fill(small)
        await store.fill(large)
        store.stop()
        await store.settle()
        let next = await directory.start()
        guard case .held(let first, _) = next.open(sha256(small), from: alpha),
            case .held(let second, _) = next.open(sha256(large), from: alpha)
        else { return #expect(Bool(false)) }
        #expect(await next.read(first) == small && first.memory == small)
        #expect(await next.read(second) == large && second.file != nil)
    }
}
