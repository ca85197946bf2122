import TestSupport
import Testing

@testable import AWS

struct RateTests {
    private static let second = 1_000_000_000

    /// When requests go that are always there, from a start.
    private static func times(_ rate: inout Rate, from start: Int, until end: Int) -> [Int] {
        var now = start, times: [Int] = []
        while now < end {
            let wait = rate.take(at: now)
            if wait == 0 { times.append(now) } else { now += wait }
        }
        return times
    }

    /// The most of them in any second.
    private static func most(_ times: [Int]) -> Int {
        var first = 0
        return times.indices.reduce(0) { most, last in
            while times[last] - times[first] >= second { first += 1 }
            return max(most, last - first + 1)
        }
    }

    @Test(arguments: [1.0, 2, 10, 99, 100, 3000])
    func `no second has more requests than the quota, and ten have almost as many as they may`(quota: Double) {
        var rate = Rate(quota: quota)
        let times = Self.times(&rate, from: 5, until: 10 * Self.second)
        #expect(Self.most(times) <= Int(quota))
        #expect(times.count >= Int(quota * 10 * 0.85))
    }

    @Test(arguments: 0..<20 as Range<UInt64>) func `requests at random times never exceed the quota`(seed: UInt64) {
        var random = Seeded(seed)
        var rate = Rate(quota: 50), now = 0, times: [Int] = []
        for _ in 0..<5000 {
            now += .random(in: 0...30_000_000, using: &random)
            if rate.take(at: now) == 0 { times.append(now) }
        }
        #expect(Self.most(times) <= 50)
    }

    @Test func `a request that has to wait is told for how long, and counts only when it goes`() {
        var rate = Rate(quota: 10)
        #expect(rate.take(at: 0) == 0)
        let wait = rate.take(at: 10)
        #expect(wait > 0 && wait <= Self.second / 9 && rate.wait(at: 10) == wait)
        #expect(rate.take(at: 10) == wait, "asking again changes nothing")
        #expect(rate.take(at: 10 + wait) == 0)
    }

    @Test func `a limit halves the rate once for all requests under way, and the rate grows again`() {
        var rate = Rate(quota: 100)
        let full = rate.rate(at: 0)
        for time in [0, 1, Self.second - 1] { rate.limited(at: time) }
        #expect(rate.rate(at: 0) == full / 2)
        rate.limited(at: Self.second)
        #expect(rate.rate(at: Self.second) < full / 3)
        #expect(rate.rate(at: 60 * Self.second) == full)
        let times = Self.times(&rate, from: Self.second, until: 2 * Self.second)
        #expect(times.count <= 30)
    }

    @Test func `however often AWS limits requests, one a second goes`() {
        var rate = Rate(quota: 10)
        for time in 0..<100 { rate.limited(at: time * Self.second) }
        #expect(rate.rate(at: 99 * Self.second) >= 1)
        #expect(rate.wait(at: 99 * Self.second) <= Self.second)
    }

    @Test func `without a quota nothing waits until AWS limits it`() {
        var rate = Rate(quota: nil)
        for _ in 0..<100_000 { #expect(rate.take(at: 7) == 0) }
        rate.limited(at: 7)
        #expect(rate.take(at: 8) == 0 && rate.take(at: 9) > 0)
        #expect(rate.rate(at: 7) < 100 && rate.rate(at: 30 * Self.second) == .infinity)
    }
}
