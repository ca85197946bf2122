import Foundation
import Synchronization
import Testing

@testable import Cache

/// A disk that does not answer holds nobody up: after some looks the cache is off, and it is used again when the disk answers.
struct HungDiskTests {
    private let directory = CacheDirectoryOnDisk()
    private let files = ScriptedFiles()
    private let events = Events()
    private let gate = ScriptedFiles.Gate()
    private let old = content(300, size: 900_000), new = content(301, size: 2_000_000), later = content(302, size: 300_000)

    private func hang(_ calls: String...) { files.set { script in for call in calls { script.hanging[call] = gate } } }

    /// Lets the seconds go by, until something is so.
    private func look(_ store: CacheStore, until isSo: () -> Bool) async throws {
        while !isSo() {
            store.look()
            try await Task.sleep(for: .milliseconds(1))
        }
    }

    private func lookUntilOff(_ store: CacheStore) async throws {
        try await look(store) { store.state.name == "off" }
        #expect(store.state.reason?.contains("no answer for 10 s") == true)
    }

    /// The disk answers, and the seconds go by until it is tried again.
    private func answer(_ store: CacheStore) async throws {
        files.set { $0.hanging = [:] }
        gate.open()
        try await look(store) {
            store.tick()
            return store.state == .on
        }
        #expect(events.texts.filter { $0.hasPrefix("off") }.count == 1)
        #expect(await store.fill(later) == .whole)
        #expect(await store.read(sha256(later)) == later)
    }

    /// A store that has to read the file of `old`.
    private func restarted() async -> CacheStore {
        let store = await directory.start()
        #expect(await store.fill(old) == .whole)
        store.stop()
        await store.settle()
        return await directory.start(files: files, events: events)
    }

    @Test(arguments: ["create", "pwrite"]) func `a download and its readers are let go`(call: String) async throws {
        let store = await directory.start(files: files, events: events)
        guard case .fill(let fill) = store.claim(sha256(new), for: alpha, since: store.removals(in: alpha)),
            fill.begin(size: new.count, mediaType: nil)
        else { return #expect(Bool(false)) }
        hang(call)
        // More than it has buffers for.
        async let filler: Void = fill.append(new)
        async let reader = fill.content.wait(beyond: new.count - 1)
        async let file = store.file(of: fill.content)
        try await lookUntilOff(store)
        await filler
        #expect(await fill.finish() == .broken)
        #expect(await reader.phase == .broken)
        #expect(await (file == nil) == (call == "create"))
        #expect(await fill.buffer() == nil)
        #expect(store.status().fills == 0 && store.status().reservedBytes == 0)
        if case .declined = store.claim(sha256(old), for: alpha, since: store.removals(in: alpha)) {} else { #expect(Bool(false)) }
        try await answer(store)
        #expect(directory.files.allSatisfy { !$0.hasPrefix("partial") })
    }

    @Test func `a download is let go also after the cache was stopped`() async throws {
        let store = await directory.start(files: files, events: events)
        guard case .fill(let fill) = store.claim(sha256(new), for: alpha, since: store.removals(in: alpha)),
            fill.begin(size: new.count, mediaType: nil)
        else { return #expect(Bool(false)) }
        hang("pwrite")
        async let filler: Void = fill.append(new)
        store.stop()
        try await look(store) { fill.content.progress.phase == .broken }
        await filler
        #expect(await fill.finish() == .broken && store.state == .stopped && events.texts.count == 1)
        gate.open()
    }

    @Test func `a file whose check hangs before its first byte is absent, and stays`() async throws {
        let store = await restarted()
        hang("open file")
        guard case .held(let content, _) = store.open(sha256(old), from: alpha) else { return #expect(Bool(false)) }
        async let file = store.file(of: content)
        try await lookUntilOff(store)
        #expect(await file == nil)
        #expect(content.progress.phase == .broken)
        if case .absent = store.open(sha256(old), from: alpha) {} else { #expect(Bool(false)) }
        try await answer(store)
        #expect(await store.read(sha256(old)) == old)
    }

    @Test func `readers who may have bytes of a file whose check hangs are cut`() async throws {
        let store = await restarted()
        guard case .held(let content, _) = store.open(sha256(old), from: alpha) else { return #expect(Bool(false)) }
        hang("pread")
        try await look(store) { content.progress.phase.isEnd }
        // The check may have been over before it could hang.
        let progress = content.progress
        #expect(progress.phase == (progress.available == 0 ? .broken : .corrupt) || progress.phase == .whole)
        gate.open()
    }

    @Test func `a file that is not opened is absent, and one that is not read is let go without a loss`() async throws {
        let store = await restarted()
        #expect(await store.read(sha256(old)) == old)
        let verified = CachedContent(
            sha256(old), progress: .init(phase: .whole, size: old.count, available: old.count), mediaType: nil)
        hang("open file")
        async let file = store.file(of: verified)
        async let answer: Int? = store.read { [gate] in
            gate.pass()
            return 1
        }
        try await lookUntilOff(store)
        #expect(await file == nil)
        #expect(await answer == nil)
        // Nobody waits any more.
        #expect(await store.file(of: verified) == nil)
        #expect(await store.read { 1 } == nil)
        try await self.answer(store)
        #expect(await store.read(sha256(old)) == old)
    }

    @Test(arguments: ["renameat", "unlinkat", "fstatvfs"])
    func `what waits for the housekeeper is let go`(call: String) async throws {
        let store = await restarted()
        #expect(await store.read(sha256(old)) == old)
        hang(call)
        guard case .fill(let fill) = store.claim(sha256(new), for: alpha, since: store.removals(in: alpha)),
            fill.begin(size: new.count, mediaType: nil)
        else { return #expect(Bool(false)) }
        await fill.append(new)
        #expect(await fill.finish() == .whole, "its readers need no name")
        async let removed = store.empty()
        try await lookUntilOff(store)
        _ = await removed
        store.change(size: 1 << 30, stale: 60)
        try await answer(store)
    }

    @Test func `a directory that is not read turns the cache off until it is`() async throws {
        hang("readdir")
        let store = CacheStore(
            CacheSettings(directory: directory.cache, size: 1 << 30, stale: 3600), files: files, clock: { 1_800_000_000 },
            tickInterval: 3_600_000, report: { [events] in events.append($0) })
        async let started: Void = store.settle()
        try await lookUntilOff(store)
        await started
        try await answer(store)
    }

    @Test func `a disk that answers at the moment at which it is given up is tried again`() async throws {
        let watch = DiskWatch(), ended = Semaphore()
        let upkeep = CacheUpkeep(
            CacheSettings(directory: directory.cache, size: 1 << 30, stale: 3600), files: WatchedFiles(files: files, watch: watch),
            watch: watch, clock: { 1_800_000_000 },
            report: { [events, gate] event in
                events.append(event)
                guard case .off = event else { return }
                gate.open()
                ended.wait()
            })
        hang("fstatvfs")
        upkeep.perform { $0.start() }
        upkeep.perform { _ in ended.post() }
        while !upkeep.table.withLock({ $0.state.isOff }) {
            upkeep.look()
            try await Task.sleep(for: .milliseconds(1))
            guard upkeep.table.withLock({ $0.state }) != .on else { return #expect(Bool(false), "on without a directory") }
        }
        // The housekeeper has ended its start meanwhile.
        #expect(upkeep.table.withLock { $0.directory == nil } && events.texts.count == 1)
        upkeep.look()
        for _ in 0..<30 { upkeep.perform { $0.tick() } }
        await upkeep.settle()
        #expect(upkeep.table.withLock { $0.state == .on && $0.directory != nil } && events.texts.count == 2)
        upkeep.stop()
    }

    @Test func `many calls that are answered in time are no reason`() {
        let watch = DiskWatch()
        for _ in 0..<3 * DiskWatch.patience { watch.note("pread") { #expect(watch.look() == nil) } }
        watch.note("pwrite") {
            for _ in 0..<DiskWatch.patience { #expect(watch.look() == nil && !watch.isHung) }
            #expect(watch.look() == "pwrite" && watch.isHung && watch.beginWait {} == nil)
            #expect(watch.look() == nil, "it is said once")
        }
        #expect(watch.isHung && watch.look() == nil && !watch.isHung)
    }
}
