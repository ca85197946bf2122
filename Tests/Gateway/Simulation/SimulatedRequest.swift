@testable import Gateway

/// A client's request, from its arrival to its response, in simulated time.
final class SimulatedRequest {
    let user: String
    private let world: World
    private let lane: Lane
    private let registry: SimulatedRegistry
    private let budget: SimulatedBudget
    private var retries: SimulatedRetries
    private let arrival: Int
    /// In line; nil: it is not.
    private var number: Int?
    private(set) var isOver = false
    private(set) var succeeded = false

    /// Nanoseconds: a token, a turn, and all attempts.
    static let maxTime = 45 * World.second

    init(_ world: World, user: String, lane: Lane, registry: SimulatedRegistry, budget: SimulatedBudget) {
        (self.world, self.user, self.lane, self.registry, self.budget) = (world, user, lane, registry, budget)
        arrival = world.now
        retries = SimulatedRetries(world, isRead: !lane.isLarge || lane.api == .getDownloadURLForLayer, budget: budget)
        if world.chance(0.05) { world.after(world.seconds(0, 5)) { [self] in leave() } }
        world.after(Self.maxTime) { [self] in world.check(isOver, "a request of \(user) has no response") }
        attempt()
    }

    /// The client goes away.
    private func leave() {
        guard !isOver else { return }
        if let number { registry.shield.leave(number) }
        number = nil
        isOver = true
    }

    private func end(succeeded: Bool) { (isOver, self.succeeded) = (true, succeeded) }

    private func attempt() {
        guard !isOver else { return }
        registry.keeper.token(newerThan: retries.rejectedGeneration, within: 10 * World.second) { [self] generation in
            guard !isOver else { return }
            guard let generation else { return end(succeeded: false) }
            waitInLine(generation)
        }
    }

    private func waitInLine(_ generation: Int) {
        let start = world.now, limit = retries.isFirst ? Lines.maxWait : retries.left
        let place = registry.shield.begin(lane, user: user, within: limit) { [self] hasTurn in
            self.number = nil
            if retries.isFirst { retries.postpone(by: world.now - start) }
            guard hasTurn else { return end(succeeded: false) }
            guard !isOver else { return registry.shield.end(lane) }
            // The token may have been replaced while the request waited.
            send(max(generation, registry.keeper.generation))
        }
        if !isOver { number = place }
    }

    private func send(_ generation: Int) {
        budget.countRequest()
        registry.send(lane, generation: generation) { [self] response in
            registry.shield.end(lane)
            guard !isOver else { return }
            switch response {
            case .success: end(succeeded: true)
            case .tokenRejected:
                guard retries.repeatsAfterRejection(generation) else { return end(succeeded: false) }
                attempt()
            case .failed(let fault):
                if case .status(429, _) = fault { registry.shield.limited(lane.api) }
                guard let pause = retries.pause(after: fault) else { return end(succeeded: false) }
                world.after(pause) { [self] in attempt() }
            }
        }
    }
}
