import Telemetry
import TestSupport
import Testing

@testable import Gateway

struct RetryBudgetTests {
    private static let start = ContinuousClock.now

    private static func after(_ seconds: Double) -> ContinuousClock.Instant { start + .milliseconds(Int(seconds * 1000)) }

    private static func taken(_ budget: inout RetryBudget, upTo count: Int, at seconds: Double) -> Int {
        (0..<count).reduce(0) { taken, _ in taken + (budget.take(at: after(seconds)) ? 1 : 0) }
    }

    @Test func `without many requests, three retries a second are allowed`() {
        var budget = RetryBudget(at: Self.start)
        #expect(Self.taken(&budget, upTo: 100, at: 0) == 30)
        #expect(Self.taken(&budget, upTo: 100, at: 9) == 0)
        #expect(Self.taken(&budget, upTo: 100, at: 10) == 30, "those of ten seconds ago no longer count")
    }

    @Test func `otherwise a fifth of the requests of the last ten seconds`() {
        var budget = RetryBudget(at: Self.start)
        budget.observe(1000, at: Self.after(5))
        #expect(Self.taken(&budget, upTo: 1000, at: 5) == 200)
        budget.observe(1200, at: Self.after(6))
        #expect(Self.taken(&budget, upTo: 1000, at: 6) == 0, "the 200 more were the retries")
    }

    @Test func `requests of long ago do not count, also when nobody asked meanwhile`() {
        var budget = RetryBudget(at: Self.start)
        budget.observe(10_000, at: Self.after(1))
        budget.observe(20_000, at: Self.after(101))
        // 10,000 in a hundred seconds: a thousand in the last ten.
        #expect((190...210).contains(Self.taken(&budget, upTo: 1000, at: 101)))
        #expect(Self.taken(&budget, upTo: 1000, at: 200) == 30)
    }

    @Test func `whatever happens when, no ten seconds see more than a fifth and the minimum`() {
        var generator = Seeded(1)
        for _ in 0..<50 {
            var budget = RetryBudget(at: Self.start)
            var sent = 0, requests: [Double] = [], retries: [Double] = []
            var now = 0.0
            for _ in 0..<2000 {
                now += Double.random(in: 0..<0.05, using: &generator)
                sent += 1
                requests.append(now)
                budget.observe(sent, at: Self.after(now))
                while Bool.random(using: &generator), budget.take(at: Self.after(now)) {
                    retries.append(now)
                    sent += 1
                }
            }
            for end in retries {
                let inWindow = { (times: [Double]) in times.filter { $0 > end - 9 && $0 <= end }.count }
                let longer = requests.filter { $0 > end - 10 && $0 <= end }.count
                #expect(inWindow(retries) <= max(30, longer / 5))
            }
        }
    }

    @Test func `the budget of an upstream counts what its workers count`() {
        let metrics = Upstream.metrics(of: "main", workers: 2)
        let budget = SharedRetryBudget(metrics)
        for number in 0..<1000 { metrics.responded(worker: number % 2, status: 503, seconds: 0) }
        let now = ContinuousClock.now
        #expect((0..<1000).reduce(0) { taken, _ in taken + (budget.take(at: now) ? 1 : 0) } == 200)
    }
}
