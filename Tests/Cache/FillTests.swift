import Foundation
import Synchronization
import Testing

@testable import Cache

/// From a download to a file that is whole.
struct FillTests {
    private let directory = CacheDirectoryOnDisk()

    @Test(arguments: [0, 1, 1000, 64 << 10, (64 << 10) + 1, 256 << 10, (256 << 10) + 1, 1_000_000])
    func `a content that was filled is read as it came`(size: Int) async {
        let store = await directory.start()
        let bytes = content(1, size: size)
        #expect(await store.fill(bytes) == .whole)
        #expect(await store.read(sha256(bytes)) == bytes)
        #expect(directory.contents == [sha256(bytes).fileName])
        #expect(store.status().bytes == CacheIndex.cost(size) && store.status().entries == 1 && store.status().reservedBytes == 0)
    }

    @Test func `one of many gets the fill, and the others read what it writes`() async {
        let store = await directory.start()
        let bytes = content(2, size: 700_000), digest = sha256(bytes)
        guard case .fill(let fill) = store.claim(digest, for: alpha, since: store.removals(in: alpha)) else {
            return #expect(Bool(false), "nobody fills it")
        }
        guard case .found(.held(let content, _)) = store.claim(digest, for: alpha, since: store.removals(in: alpha)) else {
            return #expect(Bool(false))
        }
        guard case .found(.unconfirmed) = store.claim(digest, for: beta, since: store.removals(in: beta)) else {
            return #expect(Bool(false))
        }
        #expect(content === fill.content && content.progress.phase == .announced && store.head(digest, from: alpha) == nil)
        await withTaskGroup(of: [UInt8]?.self) { group in
            for _ in 0..<20 { group.addTask { await store.read(content) } }
            #expect(fill.begin(size: bytes.count, mediaType: nil))
            #expect(await content.wait(beyond: -1).size == bytes.count)
            await fill.append(bytes, piece: 10_000)
            #expect(await fill.finish() == .whole)
            for await read in group { #expect(read == bytes) }
        }
    }

    @Test func `wrong bytes are never whole, and leave nothing`() async {
        let events = Events()
        let store = await directory.start(events: events)
        var bytes = content(3, size: 300_000)
        let digest = sha256(bytes)
        bytes[299_999] ^= 1
        guard case .fill(let fill) = store.claim(digest, for: alpha, since: store.removals(in: alpha)) else {
            return #expect(Bool(false))
        }
        #expect(fill.begin(size: bytes.count, mediaType: nil))
        await fill.append(bytes)
        #expect(await fill.finish() == .corrupt)
        #expect(fill.content.progress.available <= bytes.count - CachedContent.maxHeldBack)
        await store.settle()
        #expect(await store.read(digest) == nil && directory.contents == [] && store.status().reservedBytes == 0)
        #expect(events.texts.last?.hasPrefix("wrongContent") == true)
        // The next download is not hindered.
        bytes[299_999] ^= 1
        #expect(await store.fill(bytes) == .whole)
    }

    @Test func `what a broken download has brought stays readable, and the next one begins anew`() async {
        let store = await directory.start()
        let bytes = content(4, size: 900_000), digest = sha256(bytes)
        guard case .fill(let fill) = store.claim(digest, for: alpha, since: store.removals(in: alpha)) else {
            return #expect(Bool(false))
        }
        #expect(fill.begin(size: bytes.count, mediaType: nil))
        await fill.append(Array(bytes.prefix(500_000)))
        #expect(await fill.content.wait(beyond: 499_999).available == 500_000)
        #expect(await fill.finish() == .broken)
        let file = await store.file(of: fill.content)
        #expect(file?.bytes(from: 0, to: 500_000) == Array(bytes.prefix(500_000)))
        if case .absent = store.open(digest, from: alpha) {} else { #expect(Bool(false), "a broken content is found") }
        #expect(await store.fill(bytes) == .whole)
        #expect(await fill.buffer() == nil)
    }

    @Test func `a fill that is let go is broken`() async {
        let store = await directory.start()
        let bytes = content(5, size: 100_000), digest = sha256(bytes)
        var content: CachedContent?
        do {
            guard case .fill(let fill) = store.claim(digest, for: alpha, since: store.removals(in: alpha)) else {
                return #expect(Bool(false))
            }
            #expect(fill.begin(size: bytes.count, mediaType: nil))
            await fill.append(Array(bytes.prefix(10)))
            content = fill.content
        }
        #expect(await content?.wait(beyond: .max).phase == .broken)
        await store.settle()
        #expect(store.status().reservedBytes == 0 && store.status().fills == 0)
    }

    @Test func `more bytes than announced end a fill`() async {
        let store = await directory.start()
        guard case .fill(let fill) = store.claim(sha256([1, 2, 3]), for: alpha, since: store.removals(in: alpha)) else {
            return #expect(Bool(false))
        }
        #expect(fill.begin(size: 2, mediaType: nil))
        await fill.append([1, 2, 3])
        #expect(await fill.finish() == .broken)
    }

    @Test func `a fill has few buffers, however fast it is`() async {
        let store = await directory.start()
        let files = FillBuffer.capacity * 20
        let bytes = content(6, size: files)
        guard case .fill(let fill) = store.claim(sha256(bytes), for: alpha, since: store.removals(in: alpha)) else {
            return #expect(Bool(false))
        }
        #expect(fill.begin(size: bytes.count, mediaType: nil))
        var seen: Set<ObjectIdentifier> = []
        var rest = bytes[...]
        while !rest.isEmpty, let buffer = await fill.buffer() {
            seen.insert(ObjectIdentifier(buffer))
            buffer.memory.copyBytes(from: rest.prefix(FillBuffer.capacity))
            buffer.count = min(rest.count, FillBuffer.capacity)
            rest = rest.dropFirst(FillBuffer.capacity)
            fill.append(buffer)
        }
        #expect(await fill.finish() == .whole)
        #expect(seen.count <= Fill.maxBuffers)
    }

    @Test func `a fill waits for the disk`() async {
        let files = ScriptedFiles()
        let store = await directory.start(files: files)
        let gate = Semaphore()
        files.set { $0.gate = gate }
        let bytes = content(7, size: FillBuffer.capacity * 6)
        guard case .fill(let fill) = store.claim(sha256(bytes), for: alpha, since: store.removals(in: alpha)) else {
            return #expect(Bool(false))
        }
        #expect(fill.begin(size: bytes.count, mediaType: nil))
        let passed = Atomic(0)
        async let end: Void = {
            for start in stride(from: 0, to: bytes.count, by: FillBuffer.capacity) {
                guard let buffer = await fill.buffer() else { return }
                passed.add(1, ordering: .relaxed)
                buffer.memory.copyBytes(from: bytes[start..<(start + FillBuffer.capacity)])
                buffer.count = FillBuffer.capacity
                fill.append(buffer)
            }
        }()
        for written in 0..<6 {
            // As many as are written, and those that wait.
            #expect(passed.load(ordering: .relaxed) <= written + Fill.maxBuffers)
            gate.post()
            let next = min((written + 1) * FillBuffer.capacity, bytes.count - CachedContent.maxHeldBack)
            _ = await fill.content.wait(beyond: next - 1)
        }
        await end
        #expect(await fill.finish() == .whole)
        files.set { $0.gate = nil }
        gate.post()
        await store.settle()
        #expect(store.status().entries == 1)
    }

    @Test func `SHA-512 names contents as well`() async {
        let store = await directory.start()
        // Of no bytes.
        let digest = sha512(
            "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e"
        )
        #expect(await store.fill([], as: digest) == .whole)
        #expect(await store.read(digest) == [])
        #expect(directory.files.contains { $0.hasPrefix("sha512/cf/cf83") })
        #expect(await directory.start(isTaken: true).state == .waiting)
    }
}
