import Foundation
import Registry
import Testing

@testable import Cache

/// What was deleted or pushed through Berth stays so, whatever the disk says of the time before.
struct ForgottenTests {
    private let directory = CacheDirectoryOnDisk()
    private let files = ScriptedFiles()
    private let bytes = content(400, size: 300_000), other = content(401, size: 1000)
    private var digest: Digest { sha256(bytes) }

    /// A store with two contents and three tags.
    private func filled() async -> CacheStore {
        let store = await directory.start(files: files)
        for bytes in [bytes, other] { #expect(await store.fill(bytes) == .whole) }
        store.confirm(digest, for: beta)
        for name in ["image", "moved", "gone"] { store.setTag(tag(name), in: alpha, to: name == "image" ? digest : sha256(other)) }
        await store.settle()
        return store
    }

    /// A deletion of the image and of a tag, and a push of another one.
    private func change(_ store: CacheStore) {
        store.forget(digest, for: alpha, isDeleted: true)
        store.forgetTag(tag("gone"), in: alpha, isDeleted: true)
        store.setTag(tag("moved"), in: alpha, to: sha256([1]))
    }

    private func check(_ store: CacheStore, _ comment: Comment) {
        #expect(store.state == .on && store.status().entries == 2, comment)
        #expect(
            store.head(digest, from: alpha)?.isConfirmed == false && store.head(digest, from: beta)?.isConfirmed == true, comment)
        #expect(store.head(sha256(other), from: alpha)?.isConfirmed == true, comment)
        #expect(store.digest(of: tag("image"), in: alpha) == nil && store.digest(of: tag("gone"), in: alpha) == nil, comment)
        #expect(store.digest(of: tag("moved"), in: alpha) == sha256([1]), comment)
    }

    private func checkNext(_ store: CacheStore) async {
        store.stop()
        await store.settle()
        check(await directory.start(), "by the next process")
    }

    @Test func `what is forgotten while another process has the directory is forgotten when it is read`() async {
        let first = await filled()
        let second = await directory.start(isTaken: true)
        #expect(second.state == .waiting)
        change(second)
        first.stop()
        await first.settle()
        second.tick()
        await second.settle()
        check(second, "once it is on")
        await checkNext(second)
    }

    /// The disk fails before it has been told: with the last one, all that it has told is forgotten.
    @Test(arguments: [ENOSPC, EROFS, EIO]) func `what the failing disk was not told counts when it works again`(code: Int32) async {
        let store = await filled()
        files.set { $0.failures["pwrite"] = code }
        change(store)
        await store.settle()
        #expect(store.state.name == "off" && store.digest(of: tag("moved"), in: alpha) == sha256([1]))
        // One goes for want of room, the least used one: it comes again.
        files.set { $0.failures = [:] }
        for _ in 0..<30 { store.tick() }
        await store.settle()
        if code == ENOSPC {
            #expect(await store.fill(bytes, from: beta) == .whole)
            await store.settle()
        }
        check(store, "once it works")
        await checkNext(store)
    }

    @Test(arguments: [EROFS, EIO]) func `what is forgotten while the disk fails counts when it works again`(code: Int32) async {
        let store = await filled()
        files.set { $0.failures["pwrite"] = code }
        #expect(await store.fill(content(402, size: 1000)) == .broken)
        #expect(store.state.name == "off" && (store.head(digest, from: alpha) == nil) == (code == EIO))
        change(store)
        if code == EROFS { #expect(store.head(digest, from: alpha)?.isConfirmed == false) }
        files.set { $0.failures = [:] }
        for _ in 0..<30 { store.tick() }
        await store.settle()
        check(store, "once it works")
        await checkNext(store)
    }

    @Test(arguments: [EROFS, EIO]) func `emptying while the disk fails removes all when it works again`(code: Int32) async {
        let store = await filled()
        files.set { $0.failures["pwrite"] = code }
        #expect(await store.fill(content(402, size: 1000)) == .broken)
        #expect(await store.empty().entries == (code == EROFS ? 2 : 0))
        files.set { $0.failures = [:] }
        for _ in 0..<30 { store.tick() }
        await store.settle()
        #expect(store.state == .on && store.status().entries == 0 && store.status().tags == 0 && directory.contents == [])
        #expect(await store.fill(bytes) == .whole)
        await store.settle()
        #expect(directory.contents == [digest.fileName])
    }

    @Test func `emptying while another process has the directory removes all when it is read`() async {
        let first = await filled()
        let second = await directory.start()
        #expect(await second.empty() == (0, 0))
        first.stop()
        await first.settle()
        second.tick()
        await second.settle()
        #expect(second.state == .on && second.status().entries == 0 && second.status().tags == 0 && directory.contents == [])
    }

    @Test func `what clients ask for while another process has the directory empties nothing`() async {
        let first = await filled()
        let second = await directory.start()
        for number in 0...Forgotten.maxCount {
            second.forgetTag(tag("t\(number)"), in: alpha, isDeleted: false)
            second.forget(sha256([UInt8(truncatingIfNeeded: number), UInt8(number >> 8)]), for: alpha, isDeleted: false)
        }
        first.stop()
        await first.settle()
        second.tick()
        await second.settle()
        #expect(second.state == .on && second.status().entries == 2)
    }

    @Test func `what a replica has sent is to be asked of the registry`() async {
        let store = await directory.start()
        guard case .fill(let fill) = store.claim(digest, for: alpha, since: store.removals(in: alpha), confirms: false),
            fill.begin(size: bytes.count, mediaType: nil)
        else { return #expect(Bool(false)) }
        if case .unconfirmed = store.open(digest, from: alpha) {} else { #expect(Bool(false), "while it comes") }
        await fill.append(bytes)
        #expect(await fill.finish() == .whole)
        await store.settle()
        if case .unconfirmed = store.open(digest, from: alpha) {} else { #expect(Bool(false), "once it is held") }
        store.confirm(digest, for: alpha)
        #expect(await store.read(digest) == bytes)
    }

    @Test func `a response that was on its way during a deletion or a push does not count`() async {
        let store = await filled()
        let before = store.removals(in: alpha)
        store.confirm(digest, for: beta, since: before)
        #expect(store.removals(in: alpha) == before)
        store.forget(digest, for: alpha, isDeleted: true)
        store.confirm(digest, for: alpha, since: before)
        store.setTag(tag("image"), in: alpha, to: digest, since: before)
        #expect(store.head(digest, from: alpha)?.isConfirmed == false && store.digest(of: tag("image"), in: alpha) == nil)
        let between = store.removals(in: alpha)
        store.setTag(tag("moved"), in: alpha, to: sha256([1]))
        store.setTag(tag("moved"), in: alpha, to: sha256([2]), since: between)
        #expect(store.digest(of: tag("moved"), in: alpha) == sha256([1]))
        let after = store.removals(in: alpha)
        store.confirm(digest, for: alpha, since: after)
        store.setTag(tag("moved"), in: alpha, to: sha256([2]), since: after)
        #expect(store.head(digest, from: alpha)?.isConfirmed == true && store.digest(of: tag("moved"), in: alpha) == sha256([2]))
        _ = await store.empty()
        #expect(store.removals(in: alpha) != after)
    }

    @Test func `with too much that was forgotten, nothing on disk counts`() {
        var forgotten = Forgotten()
        for number in 0...Forgotten.maxCount { forgotten.add(.tag(tag("t\(number)"), alpha)) }
        #expect(forgotten.isEverything && forgotten.all.isEmpty && !forgotten.isEmpty)
    }
}
