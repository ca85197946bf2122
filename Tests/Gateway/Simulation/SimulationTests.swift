import Testing

@testable import Gateway

/// Many worlds, each with other outages, quotas, expiries and users, and in each the values that decide: when a token is refreshed, whose turn it
/// is, how fast requests go, what is sent again, and to which registry. Whatever happens, no rule is broken. One world after the other: tests that
/// measure time run beside these.
@Suite(.serialized) struct SimulationTests {
    private static let batches = 20, worldsPerBatch = 500

    @Test(arguments: 0..<UInt64(batches)) func `in no world a rule is broken`(batch: UInt64) async {
        for number in 0..<UInt64(Self.worldsPerBatch) {
            let seed = batch * UInt64(Self.worldsPerBatch) + number
            let problems = Self.live(seed: seed).problems
            await Task.yield()
            guard problems.isEmpty else {
                Issue.record("world \(seed): \(problems.prefix(3).joined(separator: "; "))")
                return
            }
        }
    }

    @Test func `most requests succeed, and all that the rules are about happens`() async {
        var outcomes: [SimulatedRequest.Outcome] = [], counts = [Int](repeating: 0, count: World.Event.allCases.count)
        for seed in 0..<500 as Range<UInt64> {
            let life = Self.live(seed: seed)
            await Task.yield()
            outcomes += life.outcomes
            for (index, count) in life.counts.enumerated() { counts[index] += count }
        }
        #expect(outcomes.count { $0 == .served } * 10 > outcomes.count * 6)
        for event in World.Event.allCases { #expect(counts[event.rawValue] > 0, "\(event)") }
    }

    /// - Returns: what went wrong, how each request ended, and how often what happened.
    private static func live(seed: UInt64) -> (problems: [String], outcomes: [SimulatedRequest.Outcome], counts: [Int]) {
        let world = World(seed: seed)
        let upstream = SimulatedUpstream(world)
        var requests: [SimulatedRequest] = []
        func arrive(_ user: String, _ lane: Lane) {
            requests.append(SimulatedRequest(world, user: user, lane: lane, upstream: upstream))
        }
        for user in 0..<world.between(1, 3) {
            let lanes = (0..<3).map { _ in lane(world) }
            for time in arrivals(world) {
                let lane = lanes[world.between(0, 2)]
                world.after(time) { arrive("user \(user)", lane) }
            }
        }
        world.run(until: 600 * World.second)
        world.check(requests.allSatisfy { $0.outcome != nil }, "a request has no response")
        return (world.problems, requests.compactMap(\.outcome), world.counts)
    }

    /// When a user's requests come.
    private static func arrivals(_ world: World) -> [Int] {
        let start = world.seconds(0, 30)
        return switch world.fraction() {
        // All at once, as those of a cluster do; rarely so many that not all can be sent again.
        case ..<0.02: (0..<150).map { _ in start + world.between(0, World.second) }
        case ..<0.5: (0..<world.between(1, 40)).map { _ in start + world.between(0, World.second / 10) }
        // On and on, for long enough that a breaker's pause has grown.
        case ..<0.55: (0..<world.between(50, 150)).map { start + 2 * $0 * World.second + world.between(0, World.second) }
        // Now and then.
        default: (0..<world.between(1, 15)).map { _ in world.seconds(0, 60) }
        }
    }

    private static func lane(_ world: World) -> Lane {
        let api = RegistryAPI.allCases[world.between(0, RegistryAPI.allCases.count - 1)]
        return Lane(api, isLarge: api == .getDownloadURLForLayer || api == .uploadLayerPart)
    }
}
