@testable import Gateway

/// The retries of all requests to one upstream: the production's budget, on the world's time.
final class SimulatedBudget {
    private let world: World
    private let start = ContinuousClock.now
    private var budget: RetryBudget
    private var requests = 0
    /// When requests were sent, and when of these one was sent again.
    private var times: [Int] = [], retries: [Int] = []

    init(_ world: World) {
        self.world = world
        budget = RetryBudget(at: start)
    }

    var now: ContinuousClock.Instant { start + .nanoseconds(world.now) }

    func countRequest() {
        requests += 1
        times.append(world.now)
    }

    func take() -> Bool {
        budget.observe(requests, at: now)
        guard budget.take(at: now) else { return false }
        retries.append(world.now)
        // The budget counts whole seconds.
        let since = (world.now / World.second - 9) * World.second
        let (recent, all) = (retries.count { $0 >= since }, times.count { $0 >= since })
        world.check(recent <= 30 + all / 5, "\(recent) of \(all) requests in ten seconds were retries")
        return true
    }
}

/// Whether a simulated request is sent again: the production's policy.
struct SimulatedRetries {
    private let world: World
    private let isRead: Bool
    private let budget: SimulatedBudget
    private var policy: RetryPolicy

    init(_ world: World, isRead: Bool, budget: SimulatedBudget) {
        (self.world, self.isRead, self.budget) = (world, isRead, budget)
        policy = RetryPolicy(from: budget.now)
    }

    var rejectedGeneration: Int { policy.rejectedGeneration }
    var isFirst: Bool { !policy.hasFaults }
    /// Nanoseconds.
    var left: Int { Int(policy.left(at: budget.now) / .nanoseconds(1)) }

    mutating func postpone(by time: Int) { policy.postpone(by: .nanoseconds(time)) }

    mutating func repeatsAfterRejection(_ generation: Int) -> Bool {
        let event = RetryPolicy.Event.tokenRejected(generation: generation, .expired, canReplay: true)
        return policy.next(after: event, at: budget.now, random: world.fraction()) != .fail
    }

    /// Nanoseconds; nil: it is not sent again.
    mutating func pause(after fault: AttemptFault) -> Int? {
        let event = RetryPolicy.Event.failed(fault, canRepeat: isRead || fault.saysNotTaken)
        guard case .retry(let reason, let pause) = policy.next(after: event, at: budget.now, random: world.fraction()),
            !reason.isBudgeted || budget.take()
        else { return nil }
        return Int(pause / .nanoseconds(1))
    }
}
