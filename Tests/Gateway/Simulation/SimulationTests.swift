import Testing

@testable import Gateway

/// Many worlds, each with other outages, quotas, expiries and users, and in each the values that decide: when a token is refreshed, whose turn it
/// is, how fast requests go, what is sent again. Whatever happens, no rule is broken.
struct SimulationTests {
    private static let batches = 20, worldsPerBatch = 500

    @Test(arguments: 0..<UInt64(batches)) func `in no world a rule is broken`(batch: UInt64) async {
        for number in 0..<UInt64(Self.worldsPerBatch) {
            let seed = batch * UInt64(Self.worldsPerBatch) + number
            let (problems, _) = Self.live(seed: seed)
            // Tests that measure time run beside this one.
            await Task.yield()
            guard problems.isEmpty else {
                Issue.record("world \(seed): \(problems.prefix(3).joined(separator: "; "))")
                return
            }
        }
    }

    @Test func `most requests succeed`() {
        let outcomes = (0..<200 as Range<UInt64>).flatMap { Self.live(seed: $0).succeeded }
        #expect(outcomes.count { $0 } * 10 > outcomes.count * 6)
    }

    /// - Returns: what went wrong, and of each request whether it succeeded.
    static func live(seed: UInt64) -> (problems: [String], succeeded: [Bool]) {
        let world = World(seed: seed)
        let keeper = SimulatedKeeper(world)
        let registry = SimulatedRegistry(world, keeper: keeper, maxTurns: world.between(1, 12))
        let budget = SimulatedBudget(world)
        var requests: [SimulatedRequest] = []
        func arrive(_ user: String, _ lane: Lane) {
            requests.append(SimulatedRequest(world, user: user, lane: lane, registry: registry, budget: budget))
        }
        for user in 0..<world.between(1, 4) {
            // Some come all at once, as a cluster does, others now and then.
            let isBurst = world.chance(0.5), start = world.seconds(0, 30)
            let lanes = (0..<3).map { _ in lane(world) }
            for _ in 0..<world.between(1, isBurst ? 40 : 15) {
                let time = isBurst ? start + world.between(0, World.second / 10) : world.seconds(0, 60)
                let lane = lanes[world.between(0, 2)]
                world.after(time) { arrive("user \(user)", lane) }
            }
        }
        world.run(until: 180 * World.second)
        return (world.problems, requests.map(\.succeeded))
    }

    private static func lane(_ world: World) -> Lane {
        let api = RegistryAPI.allCases[world.between(0, RegistryAPI.allCases.count - 1)]
        return Lane(api, isLarge: api == .getDownloadURLForLayer || api == .uploadLayerPart)
    }
}
