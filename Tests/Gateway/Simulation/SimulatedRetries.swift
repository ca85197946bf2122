@testable import Gateway

/// The retries of all requests to one upstream: the production's budget, on the world's time.
final class SimulatedBudget {
    private let world: World
    private var budget: RetryBudget
    private var requests = 0
    /// When requests were sent of late, and when of these one was sent again.
    private var times: [Int] = [], retries: [Int] = []

    init(_ world: World) {
        self.world = world
        budget = RetryBudget(at: world.instant)
    }

    func countRequest() {
        requests += 1
        times.append(world.now)
    }

    func take() -> Bool {
        budget.observe(requests, at: world.instant)
        guard budget.take(at: world.instant) else {
            world.count(.unaffordable)
            return false
        }
        retries.append(world.now)
        // The budget counts whole seconds.
        let since = (world.now / World.second - 9) * World.second
        times.removeFirst(times.firstIndex { $0 >= since } ?? times.count)
        retries.removeFirst(retries.firstIndex { $0 >= since } ?? retries.count)
        world.check(
            retries.count <= 30 + times.count / 5, "\(retries.count) of \(times.count) requests in ten seconds were retries")
        return true
    }
}

/// Whether a simulated request is sent again to the registry that it has come to: the production's policy, and what `Retries` does with it.
struct SimulatedRetries {
    private let world: World
    private let isRead: Bool
    private let budget: SimulatedBudget
    private let circuit: SimulatedCircuit
    private let alternative: RegistryOrder.Alternative
    private var policy: RetryPolicy

    /// - Parameter time: for all attempts.
    init(
        _ world: World, isRead: Bool, budget: SimulatedBudget, circuit: SimulatedCircuit, time: Duration,
        _ alternative: RegistryOrder.Alternative
    ) {
        (self.world, self.isRead, self.budget, self.circuit, self.alternative) = (world, isRead, budget, circuit, alternative)
        policy = RetryPolicy(from: world.instant - (RetryPolicy.patience - time))
    }

    var rejectedGeneration: Int { policy.rejectedGeneration }
    var isFirst: Bool { !policy.hasFaults }
    /// Nanoseconds.
    var left: Int { Int(policy.left(at: world.instant) / .nanoseconds(1)) }
    /// Nanoseconds that a response may fail to come.
    var stallLimit: Int { Int(policy.stallLimit(at: world.instant) / .nanoseconds(1)) }

    mutating func postpone(by time: Int) { policy.postpone(by: .nanoseconds(time)) }

    mutating func repeatsAfterRejection(_ generation: Int) -> Bool {
        let event = RetryPolicy.Event.tokenRejected(generation: generation, .expired, canReplay: true)
        return policy.next(after: event, at: world.instant, random: world.fraction()) != .fail
    }

    /// As `Retries.next`. Nanoseconds; nil: it is not sent again.
    mutating func pause(after fault: AttemptFault) -> Int? {
        if fault.problem != nil {
            circuit.failed()
            if alternative == .inUse, !circuit.isClosed { return nil }
        }
        let event = RetryPolicy.Event.failed(fault, canRepeat: isRead || fault.saysNotTaken)
        guard case .retry(let reason, let pause) = policy.next(after: event, at: world.instant, random: world.fraction()),
            !reason.isBudgeted || budget.take()
        else { return nil }
        return Int(pause / .nanoseconds(1))
    }
}
