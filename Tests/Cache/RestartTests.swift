import Foundation
import Testing

@testable import Cache

/// What a new process finds.
struct RestartTests {
    private let directory = CacheDirectoryOnDisk()

    /// A store that has stopped, with these contents.
    private func fill(_ contents: [[UInt8]], clock: TestClock = TestClock()) async {
        let store = await directory.start(clock: clock)
        for bytes in contents { #expect(await store.fill(bytes, mediaType: "type/\(bytes.count)") == .whole) }
        store.stop()
        await store.settle()
    }

    @Test func `contents, types and confirmations are found again`() async {
        let clock = TestClock()
        let bytes = content(1, size: 400_000), digest = sha256(bytes)
        let store = await directory.start(clock: clock)
        #expect(await store.fill(bytes, mediaType: "a/b") == .whole)
        clock.advance(2000)
        store.confirm(digest, for: beta)
        store.stop()
        await store.settle()
        clock.advance(1700)
        let next = await directory.start(clock: clock)
        #expect(next.status().entries == 1 && next.status().bytes == CacheIndex.cost(bytes.count))
        #expect(next.head(digest, from: alpha) == CachedHead(size: bytes.count, mediaType: "a/b", isConfirmed: false, isOld: false))
        #expect(next.head(digest, from: beta) == CachedHead(size: bytes.count, mediaType: "a/b", isConfirmed: true, isOld: true))
        guard case .unconfirmed(let content) = next.open(digest, from: alpha) else { return #expect(Bool(false)) }
        #expect(content.mediaType == "a/b")
        #expect(await next.read(content) == bytes)
        // Once it has been checked, it is whole for the next reader.
        guard case .held(let again, _) = next.open(digest, from: beta) else { return #expect(Bool(false)) }
        #expect(again.progress.phase == .whole && again.file != nil)
        next.forget(digest, for: beta, isDeleted: true)
        next.confirm(digest, for: alpha)
        await next.settle()
        next.stop()
        await next.settle()
        let last = await directory.start(clock: clock)
        #expect(last.head(digest, from: alpha)?.isConfirmed == true && last.head(digest, from: beta)?.isConfirmed == false)
    }

    @Test(arguments: [10, 1000, 100_000, 300_000, 3_000_000])
    func `a file whose bytes have changed is never whole, and goes`(size: Int) async throws {
        let bytes = content(2, size: size), digest = sha256(bytes)
        await fill([bytes])
        for place in Set([0, size / 2, size - 1]) {
            var changed = bytes
            changed[place] ^= 0x20
            try Data(changed).write(to: URL(filePath: directory.path(of: digest)))
            let events = Events()
            let store = await directory.start(events: events)
            guard case .held(let content, _) = store.open(digest, from: alpha) else { return #expect(Bool(false)) }
            let progress = await content.wait(beyond: .max)
            #expect(progress.phase == .corrupt && progress.available <= max(0, size - CachedContent.maxHeldBack))
            #expect(await store.read(content) == nil)
            await store.settle()
            #expect(directory.contents == [] && store.status().entries == 0 && store.status().corruptions == 1)
            #expect(events.texts.contains { $0.hasPrefix("corrupt") })
            #expect(await store.fill(bytes) == .whole)
            #expect(await store.read(digest) == bytes)
            store.stop()
            await store.settle()
        }
    }

    @Test func `what is not whole or not a file is not found, and what is not the cache's stays`() async throws {
        let contents = (1...6).map { content(UInt64($0), size: 5000 * $0) }
        await fill(contents)
        let paths = contents.map { directory.path(of: sha256($0)) }
        let manager = FileManager.default
        // Torn, longer, without sidecar, a sidecar alone, a torn sidecar, a symbolic link.
        try Data(contents[0].dropLast()).write(to: URL(filePath: paths[0]))
        try Data(contents[1] + [0]).write(to: URL(filePath: paths[1]))
        try manager.removeItem(atPath: paths[2] + ".info")
        try manager.removeItem(atPath: paths[3])
        try Data("size\t25000\n".utf8).write(to: URL(filePath: paths[4] + ".info"))
        let outside = directory.path + "/outside"
        try Data(contents[5]).write(to: URL(filePath: outside))
        try manager.removeItem(atPath: paths[5])
        try manager.createSymbolicLink(atPath: paths[5], withDestinationPath: outside)
        let foreign = directory.cache + "/sha256/ab"
        try manager.createDirectory(atPath: foreign, withIntermediateDirectories: true)
        try Data("mine".utf8).write(to: URL(filePath: foreign + "/notes.txt"))
        try Data("left".utf8).write(to: URL(filePath: directory.cache + "/partial/left"))

        let store = await directory.start()
        #expect(store.state == .on && store.status().entries == 0)
        #expect(directory.files.filter { $0.hasPrefix("sha256") || $0.hasPrefix("partial") } == ["sha256/ab/notes.txt"])
        #expect(manager.contents(atPath: outside) == Data(contents[5]))
        for bytes in contents { #expect(await store.fill(bytes) == .whole) }
        for bytes in contents { #expect(await store.read(sha256(bytes)) == bytes) }
    }

    @Test func `a pipe, a directory or a link in place of a content or a folder is no content`() async throws {
        let contents = (1...3).map { content(UInt64($0) + 10, size: 300_000) }
        await fill(contents)
        let manager = FileManager.default
        let paths = contents.map { directory.path(of: sha256($0)) }
        for path in paths { try manager.removeItem(atPath: path) }
        #expect(mkfifo(paths[0], 0o600) == 0)
        try manager.createDirectory(atPath: paths[1], withIntermediateDirectories: false)
        // The whole folder leads elsewhere, where there is the right content.
        let folder = String(paths[2].dropLast(65)), elsewhere = directory.path + "/elsewhere"
        try manager.moveItem(atPath: folder, toPath: elsewhere)
        try Data(contents[2]).write(to: URL(filePath: elsewhere + "/" + sha256(contents[2]).fileName))
        try manager.createSymbolicLink(atPath: folder, withDestinationPath: elsewhere)

        let store = await directory.start()
        #expect(store.state == .on && store.status().entries == 0)
        #expect(await store.fill(contents[0]) == .whole && store.status().entries == 1)
        // A directory in its place: this content alone cannot be kept.
        #expect(await store.fill(contents[1]) == .whole)
        #expect(store.state == .on && store.status().entries == 1 && store.status().reservedBytes == 0)
        // Nothing is written through the link.
        #expect(await store.fill(contents[2]) == .whole)
        #expect(try manager.contentsOfDirectory(atPath: elsewhere).count == 2)
    }

    @Test(arguments: [ENOENT, EBUSY]) func `what was being written and cannot be removed just now hinders nobody`(code: Int32)
        async throws
    {
        await fill([content(1, size: 1000)])
        let left = directory.cache + "/partial/left"
        try FileManager.default.createDirectory(atPath: left, withIntermediateDirectories: false)
        let store = await directory.start()
        #expect(store.state == .on)
        store.stop()
        await store.settle()
        try FileManager.default.removeItem(atPath: left)
        try Data("left".utf8).write(to: URL(filePath: left))
        // By a process that ends its fills, or by NFS, while it is open.
        let files = ScriptedFiles()
        files.set { $0.failures["unlinkat"] = code }
        #expect(await directory.start(files: files).state == .on)
    }

    @Test func `a store that is stopped while it reads the directory gives it up`() async throws {
        await fill([content(1, size: 1000)])
        let directory = try #require(try directory.open())
        var scan = DirectoryScan(directory) { false }
        #expect(try scan.contents() == nil)
    }

    @Test func `a file that is replaced by a link while the process runs is not followed`() async throws {
        let bytes = content(20, size: 300_000), digest = sha256(bytes)
        await fill([bytes])
        let store = await directory.start()
        try FileManager.default.removeItem(atPath: directory.path(of: digest))
        try FileManager.default.createSymbolicLink(atPath: directory.path(of: digest), withDestinationPath: "/etc/passwd")
        #expect(await store.read(digest) == nil)
        await store.settle()
        #expect(store.state == .on && store.status().entries == 0 && directory.contents == [])
    }

    @Test func `the last known digests of tags are found again, also after a torn line`() async throws {
        let clock = TestClock()
        let store = await directory.start(clock: clock)
        store.setTag(tag("v1"), in: alpha, to: sha256([1]))
        store.setTag(tag("v2"), in: alpha, to: sha256([2]))
        store.setTag(tag("v1"), in: beta, to: sha256([3]))
        store.setTag(tag("v2"), in: alpha, to: sha256([4]))
        store.setTag(tag("gone"), in: alpha, to: sha256([5]))
        store.forgetTag(tag("gone"), in: alpha, isDeleted: true)
        store.forget(sha256([3]), for: beta, isDeleted: true)
        store.stop()
        await store.settle()
        let log = directory.cache + "/tags/log"
        let text = try #require(FileManager.default.contents(atPath: log))
        try (text + Data("1800000000\tsha256:00".utf8)).write(to: URL(filePath: log))

        clock.advance(3000)
        let next = await directory.start(clock: clock)
        #expect(next.digest(of: tag("v1"), in: alpha) == sha256([1]) && next.digest(of: tag("v2"), in: alpha) == sha256([4]))
        #expect(next.digest(of: tag("gone"), in: alpha) == nil && next.digest(of: tag("v1"), in: beta) == nil)
        #expect(next.status().tags == 2)
        next.setTag(tag("v2"), in: alpha, to: sha256([4]))
        next.stop()
        await next.settle()
        clock.advance(1000)
        let last = await directory.start(clock: clock)
        #expect(last.digest(of: tag("v1"), in: alpha) == nil, "older than stale")
        #expect(last.digest(of: tag("v2"), in: alpha) == sha256([4]))
    }

    @Test func `the log of tags does not grow without end`() async throws {
        let clock = TestClock()
        let store = await directory.start(clock: clock)
        for number in 0..<3000 { store.setTag(tag("latest"), in: alpha, to: sha256([UInt8(number % 256), UInt8(number / 256)])) }
        await store.settle()
        for number in 0..<3000 {
            clock.advance(1)
            store.setTag(tag("latest"), in: alpha, to: sha256([UInt8(number % 256), UInt8(number / 256)]))
            await store.settle()
        }
        let log = try #require(FileManager.default.contents(atPath: directory.cache + "/tags/log"))
        #expect(log.filter { $0 == UInt8(ascii: "\n") }.count < 1100)
        store.stop()
        await store.settle()
        #expect(await directory.start(clock: clock).digest(of: tag("latest"), in: alpha) == sha256([183, 11]))
    }

    @Test func `the order of use survives`() async {
        let clock = TestClock()
        let contents = (1...3).map { content(UInt64($0) + 30, size: 10_000) }
        await fill(contents, clock: clock)
        // File times have the system's clock; the cache's is set.
        for (bytes, age) in zip(contents, [10, 30, 20]) {
            let times = [timeval(tv_sec: clock.now - age * 3600, tv_usec: 0), timeval(tv_sec: clock.now - age * 3600, tv_usec: 0)]
            #expect(utimes(directory.path(of: sha256(bytes)), times) == 0)
        }
        let store = await directory.start(clock: clock)
        #expect(store.status(oldest: 9).oldest.map(\.digest) == [1, 2, 0].map { sha256(contents[$0]) })
        #expect(await store.read(sha256(contents[1])) == contents[1])
        #expect(store.status(oldest: 1).oldest.map(\.digest) == [sha256(contents[2])])
    }
}
