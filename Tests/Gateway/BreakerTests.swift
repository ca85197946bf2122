import TestSupport
import Testing

@testable import Gateway

struct BreakerTests {
    /// `#expect` calls no mutating methods of a value.
    private final class Subject {
        var breaker = Breaker()
        var state: Breaker.State { breaker.state }
        var isAsNew: Bool { breaker == Breaker() && breaker.isUntroubled }

        func mayTry(at now: ContinuousClock.Instant) -> Bool { breaker.mayTry(at: now) }
        func succeeded(at now: ContinuousClock.Instant) -> Breaker.Change? { breaker.succeeded(at: now) }
        func failed(at now: ContinuousClock.Instant) -> Breaker.Change? { breaker.failed(at: now) }
    }

    private let start = ContinuousClock.now

    private func after(_ seconds: Double) -> ContinuousClock.Instant { start + .seconds(seconds) }

    /// One that has just opened, at `start`.
    private func opened() -> Subject {
        let breaker = Subject()
        for _ in 0..<Breaker.maxFailuresInARow { _ = breaker.failed(at: start) }
        return breaker
    }

    @Test func `it opens after five failures in a row`() {
        let breaker = Subject()
        for _ in 1...4 { #expect(breaker.failed(at: start) == nil) }
        #expect(breaker.mayTry(at: start))
        #expect(breaker.failed(at: start) == .opened(.failuresInARow(5), pause: .seconds(5)))
        #expect(!breaker.mayTry(at: start))
    }

    @Test func `a failure past the pause is the attempt, also of requests that ask nobody`() {
        let breaker = opened()
        #expect(breaker.failed(at: after(4.9)) == nil)
        #expect(breaker.failed(at: after(5)) == .opened(nil, pause: .seconds(10)))
        #expect(breaker.failed(at: after(14)) == nil)
        #expect(breaker.failed(at: after(16)) == .opened(nil, pause: .seconds(20)))
    }

    @Test func `a success between failures starts their count anew`() {
        let breaker = Subject()
        for _ in 1...4 { _ = breaker.failed(at: start) }
        #expect(breaker.succeeded(at: start) == nil)
        for _ in 1...4 { #expect(breaker.failed(at: start) == nil) }
        #expect(breaker.state == .closed)
    }

    @Test func `it opens when half of the last twenty failed`() {
        let breaker = Subject()
        for _ in 1...9 {
            #expect(breaker.failed(at: start) == nil)
            #expect(breaker.succeeded(at: start) == nil)
        }
        #expect(breaker.failed(at: start) == .opened(.failures(10), pause: .seconds(5)))
    }

    @Test func `failures are forgotten after twenty further results`() {
        let breaker = Subject()
        for _ in 1...9 {
            _ = breaker.failed(at: start)
            _ = breaker.succeeded(at: start)
        }
        #expect(!breaker.isAsNew)
        for _ in 1...20 { _ = breaker.succeeded(at: start) }
        #expect(breaker.isAsNew)
    }

    @Test func `after the pause one request passes, and no other before its result`() {
        let breaker = opened()
        #expect(!breaker.mayTry(at: after(4.9)))
        #expect(breaker.mayTry(at: after(5)))
        #expect(breaker.state == .halfOpen(since: after(5)))
        #expect(!breaker.mayTry(at: after(5)))
        #expect(!breaker.mayTry(at: after(19.9)))
    }

    @Test func `an attempt whose client has gone does not keep it half open for ever`() {
        let breaker = opened()
        #expect(breaker.mayTry(at: after(5)))
        #expect(breaker.mayTry(at: after(20)))
        #expect(!breaker.mayTry(at: after(20)))
    }

    @Test func `a failed attempt doubles the pause up to a minute`() {
        let breaker = opened()
        var now = start, pauses: [Duration] = [.seconds(5)]
        for _ in 1...5 {
            now += pauses[pauses.count - 1]
            #expect(breaker.mayTry(at: now))
            guard case .opened(nil, let pause) = breaker.failed(at: now) else { return #expect(Bool(false), "it stays open") }
            pauses.append(pause)
        }
        #expect(pauses == [5, 10, 20, 40, 60, 60].map { .seconds($0) })
    }

    @Test func `a success closes it, and the next pause is the shortest again`() {
        let breaker = opened()
        _ = breaker.mayTry(at: after(5))
        _ = breaker.failed(at: after(5))
        _ = breaker.mayTry(at: after(15))
        #expect(breaker.succeeded(at: after(16)) == .closed(after: .seconds(16)))
        #expect(breaker.isAsNew)
    }

    @Test func `a success that comes late closes it too`() {
        let breaker = opened()
        #expect(breaker.succeeded(at: after(1)) == .closed(after: .seconds(1)))
    }

    @Test func `failures while it is open change nothing`() {
        let breaker = opened()
        let before = breaker.breaker
        #expect(breaker.failed(at: after(4)) == nil)
        #expect(breaker.breaker == before)
    }

    @Test func `whatever happens, it lets a request pass within a minute and a quarter`() {
        var random = Seeded(20)
        for _ in 0..<2000 {
            let breaker = Subject()
            var now = start, lastPass = start
            for _ in 0..<100 {
                now += .milliseconds(Int.random(in: 0...5000, using: &random))
                if breaker.mayTry(at: now) { lastPass = now }
                #expect(lastPass.duration(to: now) <= Breaker.maxPause + Breaker.attemptTime + .seconds(5))
                switch Int.random(in: 0...3, using: &random) {
                case 0: _ = breaker.succeeded(at: now)
                case 1, 2: _ = breaker.failed(at: now)
                default: break
                }
            }
        }
    }
}
