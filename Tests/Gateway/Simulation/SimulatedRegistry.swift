@testable import Gateway

/// A registry of the simulated world: it checks tokens, has quotas that others use too, and is away, failing or slow now and then.
final class SimulatedRegistry {
    enum Response {
        case success, missing, tokenRejected
        case failed(AttemptFault)
    }

    /// 0: the upstream's own; the others are its fallbacks.
    let position: Int
    let keeper: SimulatedKeeper
    let shield: SimulatedShield
    let circuit: SimulatedCircuit
    private let world: World
    private let maxTurns: Int
    private let unreachable: Outages, failing: Outages, stalling: Outages, slow: Outages
    private let errorShare: Double
    /// What others leave of each quota.
    private let share: Double
    /// When the requests of the last second came, by API.
    private var recent = [[Int]](repeating: [], count: RegistryAPI.allCases.count)
    private var active = 0
    /// Of the requests under way that try whether it is back: when they were let pass.
    private var tries: [Int] = []

    init(_ world: World, position: Int) {
        (self.world, self.position) = (world, position)
        keeper = SimulatedKeeper(world)
        circuit = SimulatedCircuit(world)
        maxTurns = world.between(1, 12)
        shield = SimulatedShield(world, maxTurns: maxTurns)
        let start = world.seconds(0, 60)
        unreachable =
            world.chance(0.2)
            ? Outages(start..<start + world.seconds(60, 300)) : Outages(world, number: 2, longest: 40 * World.second)
        failing = Outages(world, number: 2, longest: 20 * World.second)
        stalling = Outages(world, number: 1, longest: 10 * World.second)
        slow = Outages(world, number: 1, longest: 30 * World.second)
        errorShare = world.chance(0.5) ? 0 : 0.1
        share = world.chance(0.7) ? 1 : 0.3
    }

    /// A read would have been served at any time since then.
    func wasFine(since time: Int) -> Bool {
        let span = time..<world.now + 1
        let isFine = ![unreachable, failing, stalling, slow].contains { $0.touch(span) }
        return isFine && errorShare == 0 && keeper.wasFine(since: time)
    }

    /// A request comes. `end` is to follow.
    /// - Parameters:
    ///   - generation: of the token.
    ///   - triedAt: when it was let pass to try whether the registry is back; nil: it does not.
    ///   - holds: what is asked for is there.
    /// - Returns: what comes of it, and when.
    func begin(_ lane: Lane, generation: Int, triedAt: Int?, holds: Bool) -> (Response, time: Int) {
        active += 1
        world.check(active <= maxTurns, "\(active) requests at once at a registry that is to have \(maxTurns)")
        if let triedAt { tries.append(triedAt) }
        let current = tries.count { world.now - $0 < SimulatedCircuit.attemptTime }
        world.check(current <= 1, "\(current) requests at once try whether a registry is back")
        world.check(generation > 0, "a request without a token")
        world.check(
            keeper.accepts(generation) || keeper.generation == generation,
            "a request with a dead token, though there is a newer one")
        let (response, wait) = respond(lane, generation, holds: holds)
        return (response, world.now + wait)
    }

    func end(triedAt: Int?) {
        active -= 1
        if let triedAt, let index = tries.firstIndex(of: triedAt) { tries.remove(at: index) }
    }

    private func respond(_ lane: Lane, _ generation: Int, holds: Bool) -> (Response, wait: Int) {
        let isThrottled = count(lane.api)
        if unreachable.cover(world.now) { return (.failed(.unreachable(isPermanent: false)), world.seconds(0.001, 2)) }
        let wait =
            stalling.cover(world.now)
            ? 1000 * World.second : slow.cover(world.now) ? world.seconds(0.5, 12) : world.seconds(0.005, lane.isLarge ? 2 : 0.2)
        if isThrottled { return (.failed(.status(429, retryAfter: nil)), world.seconds(0.005, 0.05)) }
        guard keeper.accepts(generation) else { return (.tokenRejected, world.seconds(0.005, 0.05)) }
        let fails = failing.cover(world.now) || world.chance(errorShare)
        guard !fails else { return (.failed(world.chance(0.5) ? .broken : .status(503, retryAfter: nil)), wait) }
        return (holds ? .success : .missing, wait)
    }

    /// Whether this request is one too many.
    private func count(_ api: RegistryAPI) -> Bool {
        guard let quota = api.quota(isPublic: false) else { return false }
        recent[api.rawValue].removeAll { $0 <= world.now - World.second }
        recent[api.rawValue].append(world.now)
        let count = recent[api.rawValue].count
        world.check(count <= Int(quota), "\(count) requests of \(api) in a second, above the quota")
        return Double(count) > quota * share
    }
}
