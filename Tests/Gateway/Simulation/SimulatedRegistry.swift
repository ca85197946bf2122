@testable import Gateway

/// A registry of the simulated world: it checks tokens, has quotas that others use too, and is away now and then.
final class SimulatedRegistry {
    enum Response {
        case success, tokenRejected
        case failed(AttemptFault)
    }

    let keeper: SimulatedKeeper
    let shield: SimulatedShield
    private let world: World
    private let maxTurns: Int
    private let unreachable: Outages, failing: Outages, stalling: Outages
    private let errorShare: Double
    /// What others leave of each quota.
    private let share: Double
    /// When the requests of the last second came, by API.
    private var recent = [[Int]](repeating: [], count: RegistryAPI.allCases.count)
    private var active = 0
    private(set) var requests = 0

    init(_ world: World, keeper: SimulatedKeeper, maxTurns: Int) {
        (self.world, self.keeper, self.maxTurns) = (world, keeper, maxTurns)
        shield = SimulatedShield(world, maxTurns: maxTurns)
        unreachable = Outages(world, number: 2, longest: 40 * World.second)
        failing = Outages(world, number: 2, longest: 20 * World.second)
        stalling = Outages(world, number: 1, longest: 10 * World.second)
        errorShare = world.chance(0.5) ? 0 : 0.1
        share = world.chance(0.7) ? 1 : 0.3
    }

    /// - Parameter generation: of the token.
    func send(_ lane: Lane, generation: Int, then: @escaping (Response) -> Void) {
        requests += 1
        active += 1
        world.check(active <= maxTurns, "\(active) requests at once at a registry that is to have \(maxTurns)")
        checkToken(generation)
        let (response, time) = respond(lane, generation)
        world.after(time) { [self] in
            active -= 1
            then(response)
        }
    }

    private func checkToken(_ generation: Int) {
        world.check(generation > 0, "a request without a token")
        world.check(
            keeper.accepts(generation) || keeper.generation == generation,
            "a request with a dead token, though there is a newer one")
    }

    private func respond(_ lane: Lane, _ generation: Int) -> (Response, time: Int) {
        let isThrottled = count(lane.api)
        if unreachable.cover(world.now) { return (.failed(.unreachable(isPermanent: false)), world.seconds(0.001, 2)) }
        if stalling.cover(world.now) { return (.failed(.stalled), 3 * World.second) }
        let time = lane.isLarge ? world.seconds(0.1, 4) : world.seconds(0.005, 0.2)
        if isThrottled { return (.failed(.status(429, retryAfter: nil)), world.seconds(0.005, 0.05)) }
        guard keeper.accepts(generation) else { return (.tokenRejected, world.seconds(0.005, 0.05)) }
        let fails = failing.cover(world.now) || world.chance(errorShare)
        return (fails ? .failed(world.chance(0.5) ? .broken : .status(503, retryAfter: nil)) : .success, time)
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
