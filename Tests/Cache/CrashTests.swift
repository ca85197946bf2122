import Foundation
import Registry
import Synchronization
import Testing

@testable import Cache

/// A process that is killed at any moment. Between any two calls that change something on disk, and in the middle of each write, the directory is
/// copied: a new process must start on each of these copies, and serve only what is whole.
struct CrashTests {
    private let directory = CacheDirectoryOnDisk()
    private let clock = TestClock()

    /// Copies of a directory.
    private final class Copies: Sendable {
        private let source: String
        private let directory: String
        private let count = Mutex(0)

        init(of source: String, in directory: String) { (self.source, self.directory) = (source, directory) }

        func take() {
            let number = count.withLock { count in
                count += 1
                return count
            }
            try? FileManager.default.copyItem(atPath: source, toPath: "\(directory)/\(number)")
        }

        var all: [String] { (1...max(1, count.withLock { $0 })).map { "\(directory)/\($0)" } }
    }

    private func watched(_ path: String, copies: String) throws -> (ScriptedFiles, Copies) {
        try FileManager.default.createDirectory(atPath: copies, withIntermediateDirectories: true)
        let taken = Copies(of: path, in: copies)
        let files = ScriptedFiles()
        files.set { $0.afterChange = { taken.take() } }
        return (files, taken)
    }

    private func start(_ path: String, files: any FileCalls = SystemFiles()) async -> CacheStore {
        let store = CacheStore(
            CacheSettings(directory: path, size: 1 << 30, stale: 3600), files: files, clock: { [clock] in clock.now },
            tickInterval: 3_600_000, report: { _ in })
        await store.settle()
        return store
    }

    /// Fills of several sizes at the same time, one that is wrong, one that is let go, evictions, confirmations, tags, a drop.
    private func use(_ store: CacheStore) async {
        let contents = (0..<9).map { content(UInt64($0) + 300, size: [10, 5000, 70_000, 140_000][$0 % 4]) }
        await withTaskGroup(of: Void.self) { group in
            for bytes in contents.prefix(4) { group.addTask { await store.fill(bytes) } }
        }
        store.confirm(sha256(contents[2]), for: beta)
        store.setTag(tag("v1"), in: alpha, to: sha256(contents[2]))
        await store.fill(content(1, size: 4000), as: sha256([1]))
        await store.settle()
        guard case .fill(let fill) = store.claim(sha256([2]), for: alpha, since: store.removals(in: alpha)) else { return }
        _ = fill.begin(size: 100_000, mediaType: nil)
        await fill.append(content(2, size: 50_000))
        fill.abandon()
        await store.settle()
        await withTaskGroup(of: Void.self) { group in
            for bytes in contents.dropFirst(4) { group.addTask { await store.fill(bytes, from: beta) } }
        }
        if case .held(let content, _) = store.open(sha256(contents[8]), from: beta) { store.drop(content) }
        store.setTag(tag("v1"), in: alpha, to: sha256(contents[3]))
        store.forget(sha256(contents[3]), for: alpha, isDeleted: true)
        clock.advance(4000)
        _ = store.open(sha256(contents[5]), from: beta)
        await store.settle()
    }

    /// Starts on a directory and looks at all that is there.
    /// - Returns: contents that are served.
    private func check(_ path: String, files: any FileCalls = SystemFiles()) async -> Int {
        let store = await start(path, files: files)
        #expect(store.state == .on)
        let manager = FileManager.default
        #expect((try? manager.contentsOfDirectory(atPath: path + "/partial")) == [])
        var names: Set<String> = []
        for case let name as String in manager.enumerator(atPath: path + "/sha256") ?? .init() where name.count > 2 {
            names.insert(String(name.split(separator: "/").last ?? ""))
        }
        let contents = names.filter { !$0.hasSuffix(".info") }
        #expect(names == contents.union(contents.map { $0 + ".info" }) && store.status().entries == contents.count)
        for name in contents {
            guard let digest = Digest("sha256:" + name) else {
                Issue.record("\(name) is no digest")
                continue
            }
            let bytes = await store.read(digest)
            #expect(bytes.map(sha256) == digest, "at \(path)")
        }
        #expect(store.state == .on && store.status().corruptions == 0)
        store.stop()
        await store.settle()
        return contents.count
    }

    @Test func `a process that is killed between any two calls leaves only whole contents`() async throws {
        let (files, copies) = try watched(directory.cache, copies: directory.path + "/copies")
        let store = CacheStore(
            CacheSettings(directory: directory.cache, size: size(for: 2 * CacheIndex.cost(140_000)), stale: 3600), files: files,
            clock: { [clock] in clock.now }, tickInterval: 3_600_000, report: { _ in })
        await store.settle()
        await use(store)
        files.set { $0.afterChange = nil }
        #expect(copies.all.count > 100 && store.status().evictions > 0 && store.state == .on)
        var served: [Int] = []
        for copy in copies.all { served.append(await check(copy)) }
        #expect(served.first == 0 && served.last == store.status().entries && (served.max() ?? 0) > 3)
    }

    @Test func `a process that is killed while it cleans up is followed by one that does it`() async throws {
        let (files, copies) = try watched(directory.cache, copies: directory.path + "/copies")
        let store = await directory.start(size: size(for: 2 * CacheIndex.cost(140_000)), files: files, clock: clock)
        await use(store)
        files.set { $0.afterChange = nil }
        // Those with the most to clean up.
        let worst = copies.all.sorted { left(in: $0) > left(in: $1) }.prefix(4)
        for (number, copy) in worst.enumerated() {
            let (files, again) = try watched(copy, copies: directory.path + "/again-\(number)")
            _ = await check(copy, files: files)
            for copy in again.all { _ = await check(copy) }
        }
    }

    private func left(in path: String) -> Int {
        (try? FileManager.default.contentsOfDirectory(atPath: path + "/partial").count) ?? 0
    }
}
