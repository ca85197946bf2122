import Foundation
import Testing

@testable import AWS

@Suite struct RefreshScheduleTests {
    private let start = Date(timeIntervalSince1970: 1_800_000_000)
    private func at(_ seconds: TimeInterval) -> Date { start.addingTimeInterval(seconds) }
    private func life(_ seconds: TimeInterval, from now: TimeInterval = 0) -> TokenLife {
        TokenLife(fetchedAt: at(now), reported: at(now + seconds))
    }

    @Test func firstTokenIsFetchedAtOnce() {
        #expect(RefreshSchedule().next(at: start, isWanted: false) <= start)
    }

    @Test(arguments: [(0.0, 0.5), (0.5, 0.55), (0.999_999, 0.6)])
    func tokenIsRenewedAtHalfOfItsLifeOrALittleLater(_ random: Double, _ share: Double) {
        for hours in [0.1, 1, 12.0] {
            var schedule = RefreshSchedule()
            schedule.started(at: start)
            schedule.succeeded(life(hours * 3600), random: random)
            let due = schedule.next(at: at(1), isWanted: false).timeIntervalSince(start)
            #expect(abs(due - hours * 3600 * share) < 1)
        }
    }

    @Test func failuresBackOffWithFullJitterUpToAMinute() {
        var schedule = RefreshSchedule()
        for (failure, longest) in [1.0, 2, 4, 8, 16, 32, 60, 60, 60].enumerated() {
            schedule.failed(at: start, random: 0.999_999)
            #expect(
                abs(schedule.next(at: start, isWanted: true).timeIntervalSince(start) - longest) < 0.01, "failure \(failure + 1)")
        }
        schedule.failed(at: start, random: 0)
        #expect(
            schedule.next(at: start, isWanted: true) == at(RefreshSchedule.shortestBackoff), "a fetch that fails at once would spin"
        )
        for _ in 0..<100 { schedule.failed(at: start, random: 0.5) }
        #expect(schedule.next(at: start, isWanted: true) == at(30))
    }

    @Test func refusalForcesAFetchAtOnceAndThenEverySomeSeconds() {
        var schedule = RefreshSchedule()
        schedule.started(at: start)
        schedule.succeeded(life(43200), random: 0.5)
        #expect(schedule.next(at: at(1), isWanted: true) <= at(1))
        schedule.started(at: at(1))
        schedule.succeeded(life(43200, from: 1), random: 0.5)
        #expect(schedule.next(at: at(2), isWanted: true) == at(1 + RefreshSchedule.forcedInterval))
        #expect(schedule.next(at: at(2), isWanted: false) > at(20000), "nobody waits")
    }

    @Test(arguments: [nil, -1.0, 0, -400_000_000])
    func tokenWithoutACredibleEndServesAndIsForcedOnceAMinute(_ reported: Double?) {
        let life = TokenLife(fetchedAt: start, reported: reported.map { at($0) })
        #expect(life.isGuessed && life.expiresAt == at(TokenLife.longest))
        var schedule = RefreshSchedule()
        schedule.started(at: start)
        schedule.succeeded(life, random: 0.5)
        #expect(schedule.next(at: at(1), isWanted: false) > at(20000), "fetched again and again though nobody refuses it")
        schedule.started(at: at(1))
        schedule.succeeded(life, random: 0.5)
        #expect(schedule.next(at: at(2), isWanted: true) == at(61))
    }

    @Test func endFartherThanECRGivesIsNotBelieved() {
        #expect(life(10 * 365 * 86400).expiresAt == at(TokenLife.longest))
    }

    @Test func clockSetBackDoesNotBarAForcedFetch() {
        var schedule = RefreshSchedule()
        schedule.succeeded(life(43200), random: 0.5)
        schedule.started(at: at(100))
        schedule.succeeded(life(43200, from: 100), random: 0.5)
        #expect(schedule.next(at: at(-86400), isWanted: true) <= at(-86400))
    }
}
