import Crypto
import Foundation
import Logging
import Synchronization
import Testing
import Transport

@testable import AWS

/// Gives numbered credentials; can be told to fail or to wait.
private final class FakeSource: CredentialSource {
    let name = "fake"
    let searches = Atomic(0)
    let isBroken = Atomic(false)
    let expiration = Mutex<Date?>(nil)

    func find() async throws(CredentialError) -> CredentialLookup {
        let number = searches.add(1, ordering: .relaxed).newValue
        try? await Task.sleep(for: .milliseconds(20))
        if isBroken.load(ordering: .relaxed) { throw CredentialError(source: name, message: "broken") }
        let expiration = expiration.withLock { $0 }
        return .found(
            Credentials(accessKeyID: "AK\(number)", secretAccessKey: Secret("shh"), expiration: expiration, source: "fake"))
    }
}

@Suite(.timeLimit(.minutes(1))) final class CredentialKeeperTests {
    private let loop = EventLoop()
    private let source = FakeSource()
    private let time = Box(Date(timeIntervalSince1970: 1_800_000_000))
    private final class Box: Sendable {
        private let date: Mutex<Date>
        init(_ date: Date) { self.date = Mutex(date) }
        var now: Date { date.withLock { $0 } }
        func advance(_ seconds: TimeInterval) { date.withLock { $0 += seconds } }
    }

    init() { loop.start(named: "credentials") }
    deinit { loop.stop() }

    private func keeper(life: TimeInterval?) -> CredentialKeeper {
        let time = time
        source.expiration.withLock { $0 = life.map { time.now + $0 } }
        return CredentialKeeper(
            loop: loop, source: source, log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, now: { time.now })
    }

    private var searches: Int { source.searches.load(ordering: .relaxed) }

    @Test func `however many callers wait there is one search, and keys without an expiry are not searched for again`() async throws
    {
        let keeper = keeper(life: nil)
        let keys = await withTaskGroup(of: String?.self) { group in
            for _ in 0..<100 { group.addTask { try? await keeper.credentials().accessKeyID } }
            return await group.reduce(into: Set<String?>()) { $0.insert($1) }
        }
        #expect(keys == ["AK1"])
        time.advance(1e9)
        #expect(try await keeper.credentials().accessKeyID == "AK1")
        #expect(searches == 1)
    }

    @Test func `in the advisory window the old credentials are used while new ones are searched for`() async throws {
        let keeper = keeper(life: 3600)
        #expect(try await keeper.credentials().accessKeyID == "AK1")
        time.advance(3600 - 800)
        let renewed = time.now + 3600
        source.expiration.withLock { $0 = renewed }
        #expect(try await keeper.credentials().accessKeyID == "AK1")
        while searches < 2 { await Task.yield() }
        try await Task.sleep(for: .milliseconds(100))
        #expect(try await keeper.credentials().accessKeyID == "AK2")
        #expect(searches == 2)
    }

    @Test func `in the mandatory window callers wait for new credentials, and get the old ones when the source fails`() async throws
    {
        let keeper = keeper(life: 3600)
        _ = try await keeper.credentials()
        time.advance(3590)
        source.isBroken.store(true, ordering: .relaxed)
        #expect(try await keeper.credentials().accessKeyID == "AK1", "static stability")
        _ = try await keeper.credentials()
        #expect(searches == 2, "a broken source is left alone for minutes")
        time.advance(601)
        source.isBroken.store(false, ordering: .relaxed)
        let renewed = time.now + 3600
        source.expiration.withLock { $0 = renewed }
        #expect(try await keeper.credentials().accessKeyID == "AK3")
    }

    @Test func `rejected credentials are searched for again, but not when newer ones are in use`() async throws {
        let keeper = keeper(life: nil)
        let first = try await keeper.credentials()
        await keeper.discard(first)
        #expect(try await keeper.credentials().accessKeyID == "AK2")
        await keeper.discard(first)
        #expect(try await keeper.credentials().accessKeyID == "AK2")
    }

    @Test func `without any credentials the error is thrown`() async {
        let keeper = keeper(life: nil)
        source.isBroken.store(true, ordering: .relaxed)
        let error = await #expect(throws: CredentialError.self) { try await keeper.credentials() }
        #expect(error?.message == "broken")
    }

    @Test(arguments: [(900.0, 300.0), (1200, 300), (3600, 900), (21600, 3600)])
    func `the advisory window grows with the life of the credentials`(_ life: TimeInterval, _ window: TimeInterval) {
        #expect(CredentialWindow.advisory(lifetime: life) == window)
    }
}
