@testable import Gateway

/// An upstream of the simulated world: a registry, its fallbacks, and the retries that they share.
final class SimulatedUpstream {
    let registries: [SimulatedRegistry]
    let budget: SimulatedBudget
    private let world: World
    /// Requests that have come to a registry: from a client or from the registry before, for another try of the same, and because a token was rejected.
    private var visits = 0, repeats = 0, rejections = 0
    private var last = 0

    init(_ world: World) {
        self.world = world
        let count = world.chance(0.4) ? 1 : world.between(2, 3)
        registries = (0..<count).map { SimulatedRegistry(world, position: $0) }
        budget = SimulatedBudget(world)
    }

    /// As `Failover.isUsed`.
    func isUsed(_ position: Int) -> Bool {
        registries[position].circuit.isClosed && !registries[position].keeper.isFailing
    }

    /// A request is sent to a registry.
    func count(isFirst: Bool, afterRejection: Bool) {
        if isFirst { visits += 1 } else if afterRejection { rejections += 1 } else { repeats += 1 }
        last = world.now
        let seconds = last / World.second
        // In each ten seconds at least 30, and a request may be sent again ten seconds after it came.
        let allowed = (visits + rejections + repeats) / 5 + 30 * (seconds / 10 + 2)
        world.check(repeats <= allowed, "\(repeats) requests were sent again, \(visits) came, in \(seconds) s")
    }
}
