import Foundation
import Testing

@testable import Cache

/// A disk that fails turns the cache off, and nothing else.
struct DiskFailureTests {
    private let directory = CacheDirectoryOnDisk()
    private let files = ScriptedFiles()
    private let events = Events()
    private let oldest = content(199, size: 300_000), old = content(200, size: 300_000), new = content(201, size: 900_000)

    private struct Failure: Sendable, CustomTestStringConvertible {
        let call: String
        let code: Int32
        var error: FileError { FileError(call, code: code) }
        var testDescription: String { "\(call) fails with \(code)" }
    }

    private static let failures = [
        Failure(call: "pwrite", code: ENOSPC), Failure(call: "pwrite", code: EIO), Failure(call: "pwrite", code: EROFS),
        Failure(call: "create", code: EACCES), Failure(call: "create", code: EROFS), Failure(call: "create", code: ENOENT),
        Failure(call: "create", code: ENOSPC), Failure(call: "renameat", code: EIO), Failure(call: "renameat", code: ENOENT),
        Failure(call: "renameat", code: ENOSPC), Failure(call: "mkdirat", code: EIO), Failure(call: "openat", code: EACCES),
    ]

    @Test(arguments: failures) private func `a write that fails turns the cache off until the disk works again`(failure: Failure)
        async
    {
        let store = await directory.start(files: files, events: events)
        for bytes in [oldest, old] { #expect(await store.fill(bytes) == .whole) }
        guard case .fill(let fill) = store.claim(sha256(new), for: alpha, since: store.removals(in: alpha)),
            fill.begin(size: new.count, mediaType: nil)
        else { return #expect(Bool(false)) }
        await fill.append(Array(new.prefix(200_000)))
        if failure.call != "create" { #expect(await fill.content.wait(beyond: 199_999).available == 200_000) }
        files.set { $0.failures[failure.call] = failure.code }
        await fill.append(Array(new.dropFirst(200_000)))
        let phase = await fill.finish()
        #expect(phase == .broken || phase == .whole && failure.call != "pwrite")
        await store.settle()
        guard case .off(let reason) = store.state else { return #expect(Bool(false), "still on") }
        #expect(reason.hasPrefix(failure.call.prefix(4)) && reason.count > 20)
        #expect(events.texts.filter { $0.hasPrefix("off") }.count == 1)
        // What only cannot be written is read on.
        #expect(await store.read(sha256(old)) == (failure.error.leavesReading ? old : nil))
        if case .declined = store.claim(sha256(new), for: alpha, since: store.removals(in: alpha)) {} else { #expect(Bool(false)) }
        #expect(store.status().reservedBytes == 0 && store.status().fills == 0)
        // Nobody asks the disk meanwhile, and it is tried again after half a minute; once before, if something has gone.
        if failure.error.isFull { store.tick() }
        for _ in 0..<29 { store.tick() }
        await store.settle()
        files.set { $0.failures = [:] }
        #expect(store.state.name == "off")
        store.tick()
        await store.settle()
        #expect(store.state == .on && events.texts.last?.hasPrefix("on") == true)
        #expect(store.status().evictions == (failure.error.isFull ? 1 : 0))
        #expect(await store.read(sha256(old)) == old)
        #expect(await store.fill(new) == .whole)
        #expect(await store.read(sha256(new)) == new)
        #expect(directory.files.allSatisfy { !$0.hasPrefix("partial") })
    }

    @Test func `where a quota is reached, a twentieth goes, and fills go on a second later`() async {
        let contents = (0..<10).map { content(UInt64($0) + 210, size: 300_000) }
        let store = await directory.start(files: files, events: events)
        for bytes in contents { #expect(await store.fill(bytes) == .whole) }
        files.set { $0.failures["pwrite"] = EDQUOT }
        #expect(await store.fill(new) == .broken && store.state.name == "off")
        files.set { $0.failures = [:] }
        store.tick()
        await store.settle()
        #expect(store.state == .on && store.status().evictions == 1 && !directory.contents.contains(sha256(contents[0]).fileName))
        #expect(await store.fill(new) == .whole)
    }

    @Test func `another directory at its path is read, and the former one is not used`() async throws {
        let store = await directory.start(files: files)
        for bytes in [oldest, old] { #expect(await store.fill(bytes) == .whole) }
        files.set { $0.failures["pwrite"] = EROFS }
        #expect(await store.fill(new) == .broken)
        files.set { $0.failures = [:] }
        try FileManager.default.moveItem(atPath: directory.cache, toPath: directory.path + "/former")
        for _ in 0..<30 { store.tick() }
        await store.settle()
        #expect(store.state == .on && store.status().entries == 0)
        #expect(await store.fill(new) == .whole)
        #expect(directory.contents == [sha256(new).fileName])
    }

    @Test func `too few descriptors end one fill, and what was to be written is written a second later`() async {
        let store = await directory.start(files: files)
        #expect(await store.fill(old) == .whole)
        files.set { $0.failures["create"] = EMFILE }
        #expect(await store.fill(new) == .broken)
        store.forget(sha256(old), for: alpha, isDeleted: true)
        await store.settle()
        #expect(store.state == .on && store.status().reservedBytes == 0)
        files.set { $0.failures = [:] }
        store.tick()
        await store.settle()
        store.stop()
        await store.settle()
        #expect(await directory.start().head(sha256(old), from: alpha)?.isConfirmed == false)
    }

    @Test func `a disk that goes on failing stays off without a new line in the log`() async {
        files.set { $0.failures["create"] = EROFS }
        let store = await directory.start(files: files, events: events)
        for _ in 0..<95 { store.tick() }
        await store.settle()
        #expect(store.state.name == "off" && events.texts.count == 1)
        files.set { $0.failures = [:] }
        for _ in 0..<30 { store.tick() }
        await store.settle()
        #expect(store.state == .on && events.texts.count == 2)
    }

    @Test func `a directory that is removed is made anew`() async throws {
        let store = await directory.start(events: events)
        #expect(await store.fill(old) == .whole)
        guard case .fill(let fill) = store.claim(sha256(new), for: alpha, since: store.removals(in: alpha)),
            fill.begin(size: new.count, mediaType: nil)
        else { return #expect(Bool(false)) }
        await fill.append(Array(new.prefix(200_000)))
        _ = await fill.content.wait(beyond: 199_999)
        try FileManager.default.removeItem(atPath: directory.cache)
        await fill.append(Array(new.dropFirst(200_000)))
        // Its file is open: readers get all of it. It only cannot be kept.
        #expect(await fill.finish() == .whole)
        await store.settle()
        #expect(store.state.name == "off")
        for _ in 0..<30 { store.tick() }
        await store.settle()
        #expect(store.state == .on && store.status().entries == 0)
        #expect(await store.fill(old) == .whole)
        #expect(await store.read(sha256(old)) == old)
    }

    @Test func `a file that is gone is absent, and the cache goes on`() async throws {
        let store = await directory.start()
        #expect(await store.fill(old) == .whole)
        store.stop()
        await store.settle()
        let next = await directory.start()
        try FileManager.default.removeItem(atPath: directory.path(of: sha256(old)))
        #expect(await next.read(sha256(old)) == nil)
        await next.settle()
        #expect(next.state == .on)
        #expect(next.status().entries == 0)
        #expect(await next.fill(old) == .whole)
    }

    @Test(arguments: [EIO, EACCES, ESTALE]) func `a file that cannot be read goes, and the cache goes on`(code: Int32) async {
        let store = await directory.start()
        #expect(await store.fill(old) == .whole)
        store.stop()
        await store.settle()
        let next = await directory.start(files: files)
        files.set { $0.failures["pread"] = code }
        guard case .held(let content, _) = next.open(sha256(old), from: alpha) else { return #expect(Bool(false)) }
        #expect(await content.wait(beyond: .max).phase == .broken)
        await next.settle()
        #expect(next.state == .on && next.status().entries == 0 && directory.contents == [])
    }

    @Test func `too few descriptors cost no content`() async {
        let store = await directory.start()
        #expect(await store.fill(old) == .whole)
        store.stop()
        await store.settle()
        let next = await directory.start(files: files)
        files.set { $0.failures["open file"] = EMFILE }
        #expect(await next.read(sha256(old)) == nil)
        await next.settle()
        #expect(next.state == .on && next.status().entries == 1)
        files.set { $0.failures = [:] }
        #expect(await next.read(sha256(old)) == old)
    }

    @Test func `a directory with other things in it is refused and left alone`() async throws {
        try FileManager.default.createDirectory(atPath: directory.cache, withIntermediateDirectories: false)
        try Data("mine".utf8).write(to: URL(filePath: directory.cache + "/letter.txt"))
        let store = await directory.start()
        #expect(store.state.reason?.contains("letter.txt") == true && directory.files == ["letter.txt"])
        try FileManager.default.removeItem(atPath: directory.cache + "/letter.txt")
        try Data("berth cache 99\n".utf8).write(to: URL(filePath: directory.cache + "/version"))
        let other = await directory.start()
        #expect(other.state.reason?.contains("version") == true)
        let missing = CacheDirectoryOnDisk()
        try FileManager.default.removeItem(atPath: missing.path)
        #expect(await missing.start().state.reason?.contains("No such file") == true)
    }

    @Test func `a disk without room for any file is made room on`() async {
        let store = await directory.start(files: files, events: events)
        for bytes in [oldest, old] { #expect(await store.fill(bytes) == .whole) }
        files.set { $0.failures["create"] = ENOSPC }
        #expect(await store.fill(new) == .broken)
        await store.settle()
        #expect(store.state.name == "off" && store.status().entries == 1 && directory.contents.count == 2)
        // The first one goes by the next try, which fails itself.
        store.tick()
        await store.settle()
        #expect(store.state.name == "off" && directory.contents.count == 1)
        files.set { $0.failures = [:] }
        for _ in 0..<30 { store.tick() }
        await store.settle()
        #expect(await store.fill(new) == .whole)
    }

    @Test func `one process at a time has the directory`() async {
        let first = await directory.start()
        #expect(await first.fill(old) == .whole)
        let second = await directory.start(events: events, isTaken: true)
        #expect(second.state == .waiting && events.texts == ["waiting"])
        if case .declined = second.claim(sha256(new), for: alpha, since: second.removals(in: alpha)) {
        } else {
            #expect(Bool(false))
        }
        second.tick()
        await second.settle()
        #expect(second.state == .waiting)
        // A fill goes on for its readers when the directory is given up.
        guard case .fill(let fill) = first.claim(sha256(new), for: alpha, since: first.removals(in: alpha)),
            fill.begin(size: new.count, mediaType: nil)
        else { return #expect(Bool(false)) }
        await fill.append(Array(new.prefix(100)))
        first.confirm(sha256(old), for: beta)
        first.stop()
        await first.settle()
        second.tick()
        await second.settle()
        #expect(second.state == .on && second.head(sha256(old), from: beta)?.isConfirmed == true)
        await fill.append(Array(new.dropFirst(100)))
        #expect(await fill.finish() == .whole)
        #expect(await first.read(fill.content) == new)
        await first.settle()
        #expect(directory.contents == [sha256(old).fileName])
        if case .absent = first.open(sha256(old), from: alpha) {} else { #expect(Bool(false)) }
    }

    @Test func `a fill that makes its file after the directory was given up leaves no name in it`() async {
        let gate = ScriptedFiles.Gate()
        let store = await directory.start(files: files)
        guard case .fill(let fill) = store.claim(sha256(new), for: alpha, since: store.removals(in: alpha)),
            fill.begin(size: new.count, mediaType: nil)
        else { return #expect(Bool(false)) }
        files.set { $0.hanging["create"] = gate }
        await fill.append(Array(new.prefix(200_000)))
        store.stop()
        await store.settle()
        #expect(store.hasLeft)
        files.set { $0.hanging = [:] }
        gate.open()
        #expect(await fill.content.wait(beyond: 199_999).available == 200_000)
        #expect(directory.files.allSatisfy { !$0.hasPrefix("partial") })
        await fill.append(Array(new.dropFirst(200_000)))
        #expect(await fill.finish() == .whole)
        #expect(await store.read(fill.content) == new)
        await store.settle()
        #expect(directory.contents == [])
    }
}
