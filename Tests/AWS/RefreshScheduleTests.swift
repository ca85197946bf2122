import Foundation
import Testing

@testable import AWS

@Suite struct RefreshScheduleTests {
    private let start = Date(timeIntervalSince1970: 1_800_000_000)
    private func at(_ seconds: TimeInterval) -> Date { start.addingTimeInterval(seconds) }
    private func life(_ seconds: TimeInterval, from now: TimeInterval = 0) -> TokenLife {
        TokenLife(fetchedAt: at(now), reported: at(now + seconds))
    }

    @Test func `the first token is fetched at once`() {
        #expect(RefreshSchedule().nextFetch(at: start, isRequested: false) <= start)
    }

    @Test(arguments: [(0.0, 0.5), (0.5, 0.55), (0.999_999, 0.6)])
    func `a token is renewed at half of its life or a little later`(_ random: Double, _ share: Double) {
        for hours in [0.1, 1, 12.0] {
            var schedule = RefreshSchedule()
            schedule.fetchStarted(at: start)
            schedule.fetchSucceeded(life(hours * 3600), random: random)
            let due = schedule.nextFetch(at: at(1), isRequested: false).timeIntervalSince(start)
            #expect(abs(due - hours * 3600 * share) < 1)
        }
    }

    @Test func `failures back off with full jitter up to a minute`() {
        var schedule = RefreshSchedule()
        for (failure, longest) in [1.0, 2, 4, 8, 16, 32, 60, 60, 60].enumerated() {
            schedule.fetchFailed(at: start, random: 0.999_999)
            #expect(
                abs(schedule.nextFetch(at: start, isRequested: true).timeIntervalSince(start) - longest) < 0.01,
                "failure \(failure + 1)")
        }
        schedule.fetchFailed(at: start, random: 0)
        #expect(
            schedule.nextFetch(at: start, isRequested: true) == at(RefreshSchedule.minBackoff),
            "a fetch that fails at once would spin"
        )
        for _ in 0..<100 { schedule.fetchFailed(at: start, random: 0.5) }
        #expect(schedule.nextFetch(at: start, isRequested: true) == at(30))
    }

    @Test func `a rejected token forces a fetch at once, the next ones only after an interval`() {
        var schedule = RefreshSchedule()
        schedule.fetchStarted(at: start)
        schedule.fetchSucceeded(life(43200), random: 0.5)
        #expect(schedule.nextFetch(at: at(1), isRequested: true) <= at(1))
        schedule.fetchStarted(at: at(1))
        schedule.fetchSucceeded(life(43200, from: 1), random: 0.5)
        #expect(schedule.nextFetch(at: at(2), isRequested: true) == at(1 + RefreshSchedule.forcedInterval))
        #expect(schedule.nextFetch(at: at(2), isRequested: false) > at(20000), "nobody waits")
    }

    @Test(arguments: [nil, -1.0, 0, -400_000_000])
    func `a token without a credible expiry is used, and its fetches are forced once a minute at most`(_ reported: Double?) {
        let life = TokenLife(fetchedAt: start, reported: reported.map { at($0) })
        #expect(life.isAssumed && life.expiresAt == at(TokenLife.maxLife))
        var schedule = RefreshSchedule()
        schedule.fetchStarted(at: start)
        schedule.fetchSucceeded(life, random: 0.5)
        #expect(
            schedule.nextFetch(at: at(1), isRequested: false) > at(20000), "fetched again and again though no upstream rejects it")
        schedule.fetchStarted(at: at(1))
        schedule.fetchSucceeded(life, random: 0.5)
        #expect(schedule.nextFetch(at: at(2), isRequested: true) == at(61))
    }

    @Test func `an expiry later than any that ECR gives is not believed`() {
        #expect(life(10 * 365 * 86400).expiresAt == at(TokenLife.maxLife))
    }

    @Test func `a clock that is set back does not block a forced fetch`() {
        var schedule = RefreshSchedule()
        schedule.fetchSucceeded(life(43200), random: 0.5)
        schedule.fetchStarted(at: at(100))
        schedule.fetchSucceeded(life(43200, from: 100), random: 0.5)
        #expect(schedule.nextFetch(at: at(-86400), isRequested: true) <= at(-86400))
    }
}
