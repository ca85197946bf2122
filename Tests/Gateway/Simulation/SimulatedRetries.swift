@testable import Gateway

/// The retries of all requests to one upstream.
final class SimulatedBudget {
    private(set) var retries = 0
    func take() -> Bool {
        retries += 1
        return true
    }
}

/// Whether a simulated request is sent again.
struct SimulatedRetries {
    private let world: World
    private let isRead: Bool
    private let budget: SimulatedBudget
    private let start: Int
    private var faults = 0

    init(_ world: World, isRead: Bool, budget: SimulatedBudget) {
        (self.world, self.isRead, self.budget, start) = (world, isRead, budget, world.now)
    }

    var isFirst: Bool { faults == 0 }
    var left: Int { max(0, start + 10 * World.second - world.now) }

    mutating func repeatsAfterRejection(_ generation: Int) -> Bool {
        faults += 1
        return faults < 5
    }

    /// nil: it is not sent again.
    mutating func pause(after response: SimulatedRegistry.Response) -> Int? {
        faults += 1
        let pause = Int(Double(min(2 * World.second, World.second / 10 << faults)) * world.fraction())
        guard isRead || response == .unreachable || response == .status(429), pause < left, budget.take() else { return nil }
        return pause
    }
}
