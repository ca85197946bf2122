import Synchronization
import Testing

@testable import AWS

struct PaceTests {
    /// A pace on a clock that sleeping moves on.
    private final class Clock: Sendable {
        private let time = Mutex(0)
        var now: Int { time.withLock { $0 } }
        func sleep(_ duration: Duration) { time.withLock { $0 += Int(duration / .nanoseconds(1)) } }
    }

    /// Nanoseconds that so many calls take.
    private static func time(of calls: Int, _ operation: String, _ pace: Pace, _ clock: Clock) async -> Int {
        let start = clock.now
        for _ in 0..<calls { await pace.turn(of: operation) { clock.sleep($0) } }
        return clock.now - start
    }

    @Test func `calls are made freely until AWS limits them, and then those of that operation more slowly`() async {
        let clock = Clock()
        let pace = Pace { clock.now }
        #expect(await Self.time(of: 1000, "A", pace, clock) == 0)
        pace.limited("A")
        let limited = await Self.time(of: 100, "A", pace, clock)
        #expect(limited > 1_000_000_000 && limited < 3_000_000_000)
        #expect(await Self.time(of: 1000, "B", pace, clock) == 0)
        clock.sleep(.seconds(60))
        #expect(await Self.time(of: 1000, "A", pace, clock) == 0, "the rate has grown again")
    }

    @Test func `a call whose sleep is cancelled is made at once`() async {
        let clock = Clock()
        let pace = Pace { clock.now }
        pace.limited("A")
        for _ in 0..<10 { await pace.turn(of: "A") { _ in throw CancellationError() } }
        #expect(clock.now == 0)
    }
}
