import Crypto
import Foundation
import Registry
import Synchronization
import TestSupport

@testable import Cache

/// A directory of a test, removed with it.
final class CacheDirectoryOnDisk: Sendable {
    let path: String

    init() {
        var name = Array("/tmp/berth-cache-XXXXXX".utf8CString)
        let isMade = mkdtemp(&name) != nil
        precondition(isMade, "no directory for the test")
        path = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    var cache: String { path + "/cache" }

    /// A store of this directory, started.
    /// - Parameter isTaken: another store has the directory.
    func start(
        size: Int = 100 << 20, stale: Int = 3600, files: any FileCalls = SystemFiles(), clock: TestClock = TestClock(),
        events: Events = Events(), isTaken: Bool = false
    ) async -> CacheStore {
        let store = CacheStore(
            CacheSettings(directory: cache, size: size, stale: stale), files: files, clock: { clock.now }, tickInterval: 3_600_000,
            report: { events.append($0) })
        await store.settle()
        // A process that another test starts has all descriptors, also that of the lock, until it has become another program.
        for _ in 0..<1000 where !isTaken && store.state == .waiting {
            try? await Task.sleep(for: .milliseconds(10))
            store.tick()
            await store.settle()
        }
        return store
    }

    /// nil: it is locked, or refused.
    func open() throws -> CacheDirectory? {
        guard case .directory(let directory) = try CacheDirectory.open(path: cache, files: SystemFiles()) else { return nil }
        return directory
    }

    /// Paths below the cache's directory, but of directories.
    var files: [String] {
        let all = FileManager.default.enumerator(atPath: cache)?.compactMap { $0 as? String } ?? []
        return all.filter { name in
            (try? FileManager.default.attributesOfItem(atPath: "\(cache)/\(name)")[.type] as? FileAttributeType) != .typeDirectory
        }.sorted()
    }

    /// Contents on disk, by their hexadecimal digits.
    var contents: [String] {
        files.filter { $0.hasPrefix("sha") && !$0.hasSuffix(".info") }.map { String($0.split(separator: "/").last ?? "") }
    }

    func path(of digest: Digest) -> String { "\(cache)/sha256/\(digest.fileName.prefix(2))/\(digest.fileName)" }
}

/// Seconds since 1970, as the test sets them.
final class TestClock: Sendable {
    private let time = Mutex(1_800_000_000)
    var now: Int { time.withLock { $0 } }
    func advance(_ seconds: Int) { time.withLock { $0 += seconds } }
}

/// What the store has reported.
final class Events: Sendable {
    private let all = Mutex<[CacheEvent]>([])
    func append(_ event: CacheEvent) { all.withLock { $0.append(event) } }
    var texts: [String] { all.withLock { $0.map { "\($0)" } } }
}

let alpha = ContentSource(upstream: "main", registry: "1.dkr.ecr.eu-west-1.amazonaws.com", repository: repository("team/alpha"))
let beta = ContentSource(upstream: "main", registry: "1.dkr.ecr.eu-west-1.amazonaws.com", repository: repository("team/beta"))

func repository(_ name: String) -> Repository {
    guard let repository = Repository(name) else { preconditionFailure("no repository: \(name)") }
    return repository
}

func tag(_ name: String) -> Tag {
    guard let tag = Tag(Array(name.utf8)) else { preconditionFailure("no tag: \(name)") }
    return tag
}

func sha256(_ bytes: [UInt8]) -> Digest {
    guard let digest = Digest("sha256:" + Hexadecimal.string(of: SHA256.digest(of: bytes))) else {
        preconditionFailure("no digest")
    }
    return digest
}

/// Bytes that differ for each seed.
func content(_ seed: UInt64, size: Int) -> [UInt8] {
    var random = Seeded(seed)
    return (0..<(size + 7) / 8).flatMap { _ in withUnsafeBytes(of: random.next()) { Array($0) } }.dropLast((8 - size % 8) % 8)
}

func sha512(_ hex: String) -> Digest {
    guard let digest = Digest("sha512:" + hex) else { preconditionFailure("no digest: \(hex)") }
    return digest
}

/// The smallest size of a cache that has room for so many bytes of files.
func size(for capacity: Int) -> Int {
    var settings = CacheSettings(directory: "", size: capacity, stale: 0)
    while settings.capacity < capacity { settings.size += 1 }
    return settings.size
}
