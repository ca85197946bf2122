import Foundation

@testable import AWS

/// Does what `TokenKeeper` does, with the same schedule, in simulated time. One for each identity.
final class SimulatedKeeper {
    private struct Waiter {
        let generation: Int
        let then: (Int?) -> Void
    }

    private let world: World
    private var schedule = RefreshSchedule()
    /// Of the token in use; 0: none.
    private(set) var generation = 0
    /// When each token expires, and when it was fetched, by generation.
    private var expiry = [0], fetched = [0]
    /// Tokens up to this generation were revoked.
    private var revoked = 0
    private var waiters: [Int: Waiter] = [:]
    private var lastNumber = 0, alarm = 0, fetches = 0
    /// When AWS gives no tokens.
    private let outages: Outages
    private let life: Int
    /// When a fetch last failed.
    private var lastFailure = Int.min / 2
    /// The last fetch failed.
    private(set) var isFailing = false

    init(_ world: World) {
        self.world = world
        outages = Outages(world, number: 2, longest: 30 * World.second)
        life = world.chance(0.5) ? world.seconds(20, 120) : 43200 * World.second
        scheduleFetch()
        for _ in 0..<world.between(0, 2) { world.after(world.seconds(1, 60)) { [self] in revoked = generation } }
    }

    /// What the registry says to a token.
    func accepts(_ generation: Int) -> Bool { generation > revoked && world.now < expiry[generation] }

    /// It had one token all the time since then, which the registry would have accepted.
    func wasFine(since time: Int) -> Bool { fetched[generation] <= time && accepts(generation) }

    /// As `TokenKeeper.token(newerThan:within:)`.
    func token(newerThan generation: Int, within limit: Int, then: @escaping (Int?) -> Void) {
        guard self.generation <= generation else { return then(self.generation) }
        lastNumber += 1
        let number = lastNumber, start = world.now
        waiters[number] = Waiter(generation: generation, then: then)
        world.after(limit) { [self] in
            guard let waiter = waiters.removeValue(forKey: number) else { return }
            // After a failure the keeper pauses for up to a minute, and it does not fetch more often than every five seconds.
            let couldBeHad =
                limit > 8 * World.second && !outages.touch(start..<world.now) && lastFailure < start - 61 * World.second
            world.check(!couldBeHad, "a request got no token, though AWS gives them")
            waiter.then(nil)
        }
        scheduleFetch()
    }

    private var date: Date { Date(timeIntervalSince1970: 1_800_000_000 + Double(world.now) / 1e9) }

    private func scheduleFetch() {
        guard !schedule.isFetching else { return }
        alarm += 1
        let wait = schedule.nextFetch(at: date, isRequested: !waiters.isEmpty).timeIntervalSince(date)
        guard wait > 0 else { return fetch() }
        let number = alarm
        world.after(Int(min(wait, KeeperClock.maxSleep) * 1e9) + 1) { [self] in if number == alarm { scheduleFetch() } }
    }

    private func fetch() {
        schedule.fetchStarted(at: date)
        fetches += 1
        world.check(fetches == 1, "\(fetches) refreshes of a token at once")
        world.after(world.seconds(0.01, 2)) { [self] in
            fetches -= 1
            if outages.cover(world.now) || world.chance(0.05) { failed() } else { succeeded() }
            scheduleFetch()
        }
    }

    private func failed() {
        (lastFailure, isFailing) = (world.now, true)
        schedule.fetchFailed(at: date, random: world.fraction())
    }

    private func succeeded() {
        let now = date
        let life = TokenLife(fetchedAt: now, reported: now.addingTimeInterval(Double(life) / 1e9))
        schedule.fetchSucceeded(life, random: world.fraction())
        (generation, isFailing) = (generation + 1, false)
        expiry.append(world.now + self.life)
        fetched.append(world.now)
        for (number, waiter) in waiters.sorted(by: { $0.key < $1.key }) where generation > waiter.generation {
            waiters[number] = nil
            waiter.then(generation)
        }
    }
}
