import AWS

@testable import Gateway

/// Does what `Shield` does, with the same lines and rates, in simulated time.
final class SimulatedShield {
    private struct Waiter {
        let lane: Int, user: String
        /// How many of the same user were before it.
        let ahead: Int
        /// How many of each other user had their turn meanwhile.
        var passed: [String: Int] = [:]
        let then: (Bool) -> Void
    }

    private let world: World
    private let maxTurns: Int
    private var lines = Lines()
    private var rates: [Rate]
    private var waiters: [Int: Waiter] = [:]
    private var lastNumber = 0, turns = 0, largeTurns = 0
    private var timer = Int.max

    init(_ world: World, maxTurns: Int) {
        (self.world, self.maxTurns) = (world, maxTurns)
        rates = RegistryAPI.allCases.map { Rate(quota: $0.quota(isPublic: false)) }
    }

    /// - Parameter then: whether its turn has come; the turn is to be ended.
    /// - Returns: names it, for `leave`; nil: nothing is left to wait for.
    func begin(_ lane: Lane, user: String, within limit: Int, then: @escaping (Bool) -> Void) -> Int? {
        if lines.count == 0, take(lane.index) {
            then(true)
            return nil
        }
        lastNumber += 1
        let number = lastNumber
        let ahead = waiters.values.count { $0.lane == lane.index && $0.user == user }
        switch lines.join(number, lane: lane.index, user: user, at: world.now) {
        case .waits: break
        case .displaces(let other): waiters.removeValue(forKey: other)?.then(false)
        case .isRejected:
            then(false)
            return nil
        }
        waiters[number] = Waiter(lane: lane.index, user: user, ahead: ahead, then: then)
        world.after(min(limit, Lines.maxWait)) { [self] in if let waiter = leave(number) { waiter(false) } }
        advance()
        return number
    }

    /// - Returns: what was to be done then; nil: it has been.
    @discardableResult
    func leave(_ number: Int) -> ((Bool) -> Void)? {
        guard let waiter = waiters.removeValue(forKey: number) else { return nil }
        world.check(lines.leave(number), "a request that waits is in no line")
        advance()
        return waiter.then
    }

    func end(_ lane: Lane) {
        turns -= 1
        largeTurns -= lane.isUpload ? 1 : 0
        world.check(turns >= 0 && largeTurns >= 0, "a turn has ended twice")
        advance()
    }

    func limited(_ api: RegistryAPI) { rates[api.rawValue].limited(at: world.now) }

    private func take(_ index: Int) -> Bool {
        let lane = Lane(index: index)
        guard hasRoom(lane), rates[lane.api.rawValue].take(at: world.now) == 0 else { return false }
        turns += 1
        largeTurns += lane.isUpload ? 1 : 0
        return true
    }

    private func hasRoom(_ lane: Lane) -> Bool {
        turns < maxTurns && (!lane.isUpload || largeTurns < max(1, maxTurns - maxTurns / 4))
    }

    private func advance() {
        guard lines.count > 0 else { return }
        while let number = lines.next(at: world.now, take: take) {
            guard let waiter = waiters.removeValue(forKey: number) else {
                world.check(false, "a turn came for a request that does not wait")
                continue
            }
            checkFairness(of: waiter)
            waiter.then(true)
        }
        let blocked = (0..<Lane.count).filter { !lines.isEmpty($0) && hasRoom(Lane(index: $0)) }
        let soonest = blocked.map { world.now + max(1, rates[Lane(index: $0).api.rawValue].wait(at: world.now)) }.min()
        guard let soonest, soonest < timer else { return }
        timer = soonest
        world.after(soonest - world.now) { [self] in
            if timer == soonest { timer = .max }
            advance()
        }
    }

    private func checkFairness(of waiter: Waiter) {
        for (user, count) in waiter.passed {
            world.check(
                count <= waiter.ahead + 1,
                "\(count) requests of \(user) were before number \(waiter.ahead + 1) of \(waiter.user)")
        }
        for number in waiters.keys where waiters[number]?.lane == waiter.lane && waiters[number]?.user != waiter.user {
            waiters[number]?.passed[waiter.user, default: 0] += 1
        }
    }
}
