@testable import Gateway

/// A client's request, from its arrival to its response, in simulated time. Goes from registry to registry as `Forwarder` and `Failover` do.
final class SimulatedRequest {
    enum Outcome {
        case served, missing, failed, shed, left
    }

    let user: String
    private let world: World
    private let lane: Lane
    private let upstream: SimulatedUpstream
    /// The registries that have what it asks for.
    private let holders: Set<Int>
    private let arrival: Int
    /// nil: it does not move.
    private var order: RegistryOrder?
    private var retries: SimulatedRetries
    /// Registries that it has come to.
    private var asked: Set<Int> = []
    /// When it came to this one, another one was in use.
    private var hadOther = false
    private var alternative = RegistryOrder.Alternative.none
    /// When it was let pass to try whether the registry is back; nil: it does not.
    private var triedAt: Int?
    /// What the next request is to the registry.
    private var isFirst = true, isAfterRejection = false
    /// For all attempts, and each wait for a token, at this registry. Nanoseconds.
    private var time = 0
    /// Nanoseconds after which it must have its response.
    private var bound = 0
    /// In line; nil: it is not.
    private var number: Int?
    private(set) var outcome: Outcome?

    /// Nanoseconds: `timeouts.response`.
    private static let maxResponse = 120 * World.second
    private static let stallTime = Int(RetryPolicy.stallTime / .nanoseconds(1))

    init(_ world: World, user: String, lane: Lane, upstream: SimulatedUpstream) {
        (self.world, self.user, self.lane, self.upstream) = (world, user, lane, upstream)
        arrival = world.now
        let all = Set(0..<upstream.registries.count)
        holders = world.chance(0.9) ? all : world.chance(0.5) ? [0] : []
        retries = SimulatedRetries(
            world, isRead: true, budget: upstream.budget, circuit: upstream.registries[0].circuit, time: .zero, .none)
        if world.chance(0.05) { world.after(world.seconds(0, 5)) { [self] in leave() } }
        if isRead, upstream.registries.count > 1 { order = RegistryOrder(count: upstream.registries.count) { mayTry($0) } }
        visit()
    }

    /// It may be asked of any registry.
    private var isRead: Bool {
        switch lane.api {
        case .batchCheckLayerAvailability, .batchGetImage, .getDownloadURLForLayer, .other: true
        case .initiateLayerUpload, .uploadLayerPart, .completeLayerUpload, .putImage: false
        }
    }
    /// To send it again is harmless.
    private var canRepeat: Bool { !lane.isUpload }
    /// Another registry is in use that it has not come to.
    private var hasOther: Bool { isRead && (0..<upstream.registries.count).contains { !asked.contains($0) && upstream.isUsed($0) } }
    private var registry: SimulatedRegistry { upstream.registries[order?.current ?? 0] }

    // MARK: From registry to registry

    /// As `Failover.mayTry`.
    private func mayTry(_ position: Int) -> Bool {
        let registry = upstream.registries[position]
        guard registry.keeper.generation > 0 || !registry.keeper.isFailing else { return false }
        let (mayTry, isTry) = registry.circuit.mayTry()
        triedAt = isTry ? world.now : nil
        return mayTry
    }

    private func visit() {
        alternative = order?.alternative { upstream.isUsed($0) } ?? .none
        let start = world.instant - .nanoseconds(world.now - arrival)
        let duration = order == nil ? RetryPolicy.patience : RetryPolicy.time(at: world.instant, since: start, alternative)
        retries = SimulatedRetries(
            world, isRead: canRepeat, budget: upstream.budget, circuit: registry.circuit, time: duration, alternative)
        asked.insert(registry.position)
        hadOther = hasOther
        time = Int(duration / .nanoseconds(1))
        // The line, all attempts, a late one. Where nothing else is left, there is more time, and a slow registry is waited for.
        bound += (10 + 4 + 3) * World.second + (alternative == .none ? 6 * World.second + Self.maxResponse : 0)
        isFirst = true
        attempt()
    }

    private func fail(_ outcome: RegistryOrder.Outcome = .failed) {
        triedAt = nil
        guard order?.advance(after: outcome, mayTry: mayTry) == true else { return end(.failed) }
        world.count(.moved)
        visit()
    }

    // MARK: One attempt

    private func attempt() {
        guard outcome == nil else { return }
        let wait = alternative != .none && registry.keeper.isFailing ? 0 : time
        bound += min(wait, 10 * World.second)
        registry.keeper.token(newerThan: retries.rejectedGeneration, within: wait) { [self] generation in
            guard outcome == nil else { return }
            if let generation { waitInLine(generation) } else { fail() }
        }
    }

    private func waitInLine(_ generation: Int) {
        let start = world.now, limit = retries.isFirst ? Lines.maxWait : retries.left
        let wasClosed = registry.circuit.isClosed
        let place = registry.shield.begin(lane, user: user, within: limit) { [self] hasTurn in
            number = nil
            if retries.isFirst { retries.postpone(by: world.now - start) }
            guard hasTurn else { return end(.shed) }
            guard outcome == nil, !isOvertaken(wasClosed) else {
                registry.shield.end(lane)
                if outcome == nil { fail(retries.isFirst ? .overtaken : .failed) }
                return
            }
            // The token may have been replaced while the request waited.
            send(max(generation, registry.keeper.generation))
        }
        if outcome == nil { number = place }
    }

    /// As `Retries.checkInUse`.
    private func isOvertaken(_ wasClosed: Bool) -> Bool {
        guard wasClosed, alternative == .inUse, !registry.circuit.isClosed else { return false }
        world.count(.overtaken)
        return true
    }

    private func send(_ generation: Int) {
        world.check(isRead || registry.position == 0, "a write has moved")
        world.check(
            registry.circuit.isClosed || triedAt != nil || !hadOther || !hasOther,
            "a request has come to a registry that is not in use, and there is another one")
        upstream.budget.countRequest()
        upstream.count(isFirst: isFirst, afterRejection: isAfterRejection)
        (isFirst, isAfterRejection) = (false, false)
        let (response, time) = registry.begin(
            lane, generation: generation, triedAt: triedAt, holds: holders.contains(registry.position) || !isRead)
        let limit = canRepeat ? retries.stallLimit : Self.maxResponse
        receive(response, generation, at: time, for: limit, waited: canRepeat ? Self.stallTime : limit)
    }

    /// As `Retries.awaitLateHead`.
    private func receive(_ response: SimulatedRegistry.Response, _ generation: Int, at time: Int, for limit: Int, waited: Int) {
        world.after(min(limit, time - world.now)) { [self] in
            guard outcome == nil, world.now < time else { return responded(response, generation) }
            if let pause = retries.pause(after: .stalled) {
                endAttempt()
                return again(after: pause)
            }
            let further = alternative == .none ? Self.maxResponse - waited : retries.left
            guard further > 0 else {
                endAttempt()
                return fail()
            }
            receive(response, generation, at: time, for: further, waited: waited + further)
        }
    }

    private func endAttempt() {
        registry.end(triedAt: triedAt)
        registry.shield.end(lane)
    }

    private func responded(_ response: SimulatedRegistry.Response, _ generation: Int) {
        endAttempt()
        guard outcome == nil else { return }
        switch response {
        case .success:
            if isRead, !registry.circuit.isClosed, triedAt == nil { world.count(.servedAsLastResort) }
            registry.circuit.succeeded()
            end(.served)
        case .missing:
            registry.circuit.succeeded()
            guard let outcome = RegistryOrder.Outcome(status: 404, isAtFallback: order?.isAtFallback == true) else {
                return end(.missing)
            }
            world.count(.missedAtReplica)
            fail(outcome)
        case .tokenRejected:
            registry.circuit.succeeded()
            guard retries.repeatsAfterRejection(generation) else { return fail() }
            isAfterRejection = true
            attempt()
        case .failed(let fault):
            if case .status(429, _) = fault {
                registry.circuit.succeeded()
                registry.shield.limited(lane.api)
            }
            if let pause = retries.pause(after: fault) { again(after: pause) } else { fail() }
        }
    }

    private func again(after pause: Int) {
        let wasClosed = registry.circuit.isClosed
        world.after(pause) { [self] in
            guard outcome == nil else { return }
            if isOvertaken(wasClosed) { fail() } else { attempt() }
        }
    }

    // MARK: The end

    /// The client goes away.
    private func leave() {
        guard outcome == nil else { return }
        if let number { registry.shield.leave(number) }
        number = nil
        outcome = .left
    }

    private func end(_ outcome: Outcome) {
        self.outcome = outcome
        world.check(world.now - arrival <= bound, "a request has its response after \(Double(world.now - arrival) / 1e9) s")
        switch outcome {
        case .served:
            world.check(!isRead || holders.contains(registry.position), "a registry has served what it does not have")
        case .missing: world.check(!holders.contains(0), "a response says that something is missing, and it is not")
        case .failed where isRead:
            let others = upstream.registries.filter { holders.contains($0.position) && $0.wasFine(since: arrival) }
            world.check(others.isEmpty, "a read has failed that registry \(others.first?.position ?? 0) could have served")
        case .failed, .shed, .left: break
        }
    }
}
