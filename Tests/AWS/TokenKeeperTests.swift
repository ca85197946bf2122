import Crypto
import Foundation
import Logging
import Synchronization
import Testing
import Transport

@testable import AWS

/// Stands for ECR: counts calls and gives numbered tokens.
private final class FakeECR: Sendable {
    let calls = Atomic(0)
    let isDown = Atomic(false)
    let rejection = AWSError(
        operation: "ecr:GetAuthorizationToken", host: "fake",
        cause: .errorResponse(code: "ServerException", message: "", status: 500))

    func fetch(expiresAt: Date?, taking time: Duration = .zero) async throws(AWSError) -> FetchedToken {
        let number = calls.add(1, ordering: .relaxed).newValue
        if time > .zero { try? await Task.sleep(for: time) }
        if isDown.load(ordering: .relaxed) { throw rejection }
        return FetchedToken(authorizationToken: Secret("token-\(number)"), expiresAt: expiresAt)
    }
}

@Suite(.timeLimit(.minutes(1))) final class TokenKeeperTests {
    private let loop = EventLoop()
    private let ecr = FakeECR()
    private let log = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    init() { loop.start(named: "keeper") }
    deinit { loop.stop() }

    /// A clock that runs `speed` times as fast as the real one.
    private func clock(speed: Double) -> KeeperClock {
        let start = Date(timeIntervalSince1970: 1_800_000_000), began = Date()
        return KeeperClock(
            now: { start.addingTimeInterval(Date().timeIntervalSince(began) * speed) },
            sleep: { try await Task.sleep(for: $0 / speed) }, random: { .random(in: 0..<1) })
    }

    private func keeper(life: TimeInterval? = 43200, taking time: Duration = .zero, clock: KeeperClock = .system) -> TokenKeeper {
        let ecr = ecr
        return TokenKeeper(name: "test", loop: loop, log: log, clock: clock) { () async throws(AWSError) in
            try await ecr.fetch(expiresAt: life.map { clock.now().addingTimeInterval($0) }, taking: time)
        }
    }

    @Test func `a token is the whole field value, and no description prints it`() async throws {
        let keeper = keeper()
        await keeper.start()
        let token = try #require(await keeper.token(newerThan: 0, within: .seconds(5)))
        #expect(token.fieldValue == Array("Basic token-1".utf8))
        #expect(keeper.current.current?.generation == token.generation)
        for text in [
            "\(token)", String(reflecting: token), "\(Mirror(reflecting: token).children.map { "\($0)" })",
            "\(keeper.state.current)",
        ] {
            #expect(!text.contains("token-1"))
        }
        await keeper.stop()
    }

    @Test func `a keeper ends with its last reference`() async throws {
        var keeper: TokenKeeper? = keeper(clock: clock(speed: 200_000))
        weak let left = keeper
        await keeper?.start()
        _ = await keeper?.token(newerThan: 0, within: .seconds(5))
        keeper = nil
        // A fetch that is under way holds the keeper until it ends.
        for _ in 0..<1000 where left != nil { try await Task.sleep(for: .milliseconds(5)) }
        #expect(left == nil)
    }

    @Test func `a keeper that replaces another one uses its token until it has fetched one`() async throws {
        let former = keeper()
        await former.start()
        let token = try #require(await former.token(newerThan: 0, within: .seconds(5)))
        await former.stop()
        ecr.isDown.store(true, ordering: .relaxed)
        let keeper = TokenKeeper(name: "test", loop: loop, log: log, former: former) { [ecr] () async throws(AWSError) in
            try await ecr.fetch(expiresAt: Date().addingTimeInterval(43200), taking: .zero)
        }
        #expect(keeper.current.current?.fieldValue == token.fieldValue && keeper.state.current.isReady(at: Date()))
        await keeper.start()
        #expect(await keeper.token(newerThan: 0, within: .milliseconds(1))?.generation == token.generation)
        ecr.isDown.store(false, ordering: .relaxed)
        let next = try #require(await keeper.token(newerThan: token.generation, within: .seconds(30)))
        #expect(next.generation == token.generation + 1 && keeper.current.current?.generation == next.generation)
        await keeper.stop()
    }

    @Test func `there is one fetch, however many callers wait`() async throws {
        let keeper = keeper(taking: .milliseconds(100))
        await keeper.start()
        let first = await responses(of: keeper, newerThan: 0)
        #expect(first == 1000)
        #expect(ecr.calls.load(ordering: .relaxed) == 1)
        // All had the first token rejected and wait for a newer one.
        let second = await responses(of: keeper, newerThan: 1)
        #expect(second == 1000)
        #expect(ecr.calls.load(ordering: .relaxed) == 2)
        #expect(keeper.current.current?.generation == 2)
        await keeper.stop()
    }

    private func responses(of keeper: TokenKeeper, newerThan generation: Int) async -> Int {
        await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<1000 {
                group.addTask {
                    await keeper.token(newerThan: generation, within: .seconds(20)).map { $0.generation == generation + 1 } ?? false
                }
            }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
    }

    @Test func `waiting ends at the deadline without a token`() async {
        ecr.isDown.store(true, ordering: .relaxed)
        let keeper = keeper()
        await keeper.start()
        let start = ContinuousClock.now
        #expect(await keeper.token(newerThan: 0, within: .milliseconds(200)) == nil)
        #expect(.now - start < .seconds(180))
        let state = keeper.state.current
        #expect(!state.isReady(at: Date()) && state.refreshesFailed > 0)
        #expect(state.lastError?.contains("ServerException") == true)
        await keeper.stop()
    }

    @Test func `a cancelled caller stops waiting at once`() async {
        let keeper = keeper(taking: .seconds(600))
        await keeper.start()
        let asker = Task { await keeper.token(newerThan: 0, within: .seconds(600)) }
        try? await Task.sleep(for: .milliseconds(20))
        asker.cancel()
        let start = ContinuousClock.now
        #expect(await asker.value == nil)
        #expect(.now - start < .seconds(180))
        await keeper.stop()
    }

    @Test func `through days a token is always valid`() async throws {
        let time = SimulatedClock(), hour = 3600.0
        let keeper = keeper(clock: time.keeperClock)
        await keeper.start()
        try await time.pass(72 * hour) {
            #expect((keeper.current.current?.expiresAt.timeIntervalSince(time.now) ?? 0) > 4.5 * hour)
        }
        // Every 6 to 7.2 hours, or 5 minutes later.
        #expect((10...13).contains(ecr.calls.load(ordering: .relaxed)))
        await keeper.stop()
    }

    @Test func `during an outage the old token is used, and the keeper recovers by itself`() async throws {
        let time = SimulatedClock(), hour = 3600.0
        let keeper = keeper(clock: time.keeperClock)
        await keeper.start()
        try await time.pass(hour)
        ecr.isDown.store(true, ordering: .relaxed)
        try await time.pass(9 * hour)
        #expect(keeper.current.current?.generation == 1)
        #expect(keeper.state.current.isReady(at: time.now))
        #expect(keeper.state.current.lastError != nil)
        // Three to four hours of waits that are each a random share of a minute: neither a storm nor silence.
        #expect((270...700).contains(keeper.state.current.refreshesFailed))
        try await time.pass(3 * hour)
        #expect(!keeper.state.current.isReady(at: time.now))
        ecr.isDown.store(false, ordering: .relaxed)
        try await time.pass(RefreshSchedule.maxBackoff)
        #expect(keeper.state.current.isReady(at: time.now))
        #expect(keeper.state.current.lastError == nil)
        #expect(keeper.current.current?.generation == 2)
        await keeper.stop()
    }

    @Test func `a token that is expired at its fetch is used, and fetched at most once a minute`() async throws {
        let clock = clock(speed: 1000)
        let keeper = keeper(life: -11 * 365 * 86400, clock: clock)
        await keeper.start()
        var generation = try #require(await keeper.token(newerThan: 0, within: .seconds(1000))).generation
        #expect(keeper.state.current.isReady(at: clock.now()))
        // The upstream rejects every token: one fetch at once, then one a minute.
        let start = clock.now()
        while ecr.calls.load(ordering: .relaxed) < 5 {
            generation = await keeper.token(newerThan: generation, within: .seconds(30))?.generation ?? generation
        }
        #expect(clock.now().timeIntervalSince(start) >= 3 * 60)
        await keeper.stop()
    }
}
