import Configuration
import Registry
import Telemetry
import Transport

/// Puts into practice what a `RetryPolicy` decides, for one exchange: with the clock, chance, the upstream's budget and its counters.
struct Retries {
    private let registry: RegistryClient
    /// Of what is asked: the registry, or the storage of its blobs.
    private let circuit: Circuit

    init(_ registry: RegistryClient, _ circuit: Circuit) { (self.registry, self.circuit) = (registry, circuit) }

    private var upstream: Upstream { registry.upstream }
    private var timeouts: Settings.Timeouts { registry.timeouts }
    private var requester: Requester { registry.requester }

    /// What the policy says to an event, and the upstream's budget to that. Counts the request if it is to be sent again.
    /// - Parameter isAwaited: the response is waited for all the same if the request is not to be sent again.
    func next(_ policy: inout RetryPolicy, after event: RetryPolicy.Event, isAwaited: Bool = false) -> RetryPolicy.Decision {
        let now = ContinuousClock.now
        if case .failed(let fault, _) = event {
            let isCounted = fault == .stalled && policy.hasCountedStall
            if fault == .stalled { policy.hasCountedStall = true }
            if fault.isUnanswered, !isCounted { upstream.retries.countUnanswered() }
            if let problem = fault.problem, fault != .stalled || registry.alternative != .none {
                if !isCounted { circuit.failed(because: problem) }
                // Another attempt would only find the same.
                if registry.alternative == .inUse, !circuit.isClosed { return .fail }
            }
        }
        let decision = budgeted(policy.next(after: event, at: now, random: .random(in: 0..<1)), at: now)
        switch decision {
        case .retry(let reason, _):
            policy.hasCountedStall = false
            count(reason)
        case .resume:
            policy.hasCountedStall = false
            count(.resumed)
        case .fail:
            // A registry without an alternative that is merely slow has not failed: it has when a request ends without its response.
            if case .failed(.stalled, _) = event, registry.alternative == .none, !isAwaited {
                circuit.failed(because: AttemptFault.stalled.problem ?? "")
            }
        }
        return decision
    }

    private func budgeted(_ decision: RetryPolicy.Decision, at now: ContinuousClock.Instant) -> RetryPolicy.Decision {
        guard case .retry(let reason, _) = decision, reason.isBudgeted, !upstream.retries.take(at: now) else { return decision }
        return .fail
    }

    /// How long to wait before a request whose attempt came to nothing is sent again; nil: it is not.
    /// - Throws: the client's failure, when the gateway stops.
    func pause(
        _ policy: inout RetryPolicy, after fault: AttemptFault, canRepeat: Bool = true, isAwaited: Bool = false
    ) throws(ConnectionFailure) -> Duration? {
        guard !requester.isAbandoned else {
            throw ConnectionFailure(.client, .cancelled, call: "retry", reason: "the gateway is stopping")
        }
        let event = RetryPolicy.Event.failed(fault, canRepeat: canRepeat)
        guard case .retry(_, let pause) = next(&policy, after: event, isAwaited: isAwaited) else { return nil }
        return pause
    }

    /// Waits before a request is sent again.
    /// - Throws: the client's failure, when it leaves meanwhile; as `checkInUse`.
    func pause(for duration: Duration) async throws {
        guard duration > .zero else { return }
        let wasClosed = circuit.isClosed
        do { try await requester.pause(for: duration) } catch { throw ConnectionFailure(.client, error) }
        try checkInUse(wasClosed, hasAsked: true)
    }

    /// A request that has waited does not go where others have failed meanwhile, if there is another registry.
    /// - Parameters:
    ///   - wasClosed: the circuit, before. An open one lets the request pass that tries it.
    ///   - hasAsked: the request was sent before.
    /// - Throws: `ErrorResponse`, after which the read goes on elsewhere.
    func checkInUse(_ wasClosed: Bool, hasAsked: Bool) throws(ErrorResponse) {
        guard wasClosed, registry.alternative == .inUse, !circuit.isClosed else { return }
        registry.isOvertaken = !hasAsked
        throw ErrorResponse(.unavailable, "The upstream registry is failing; try again later.", retryAfter: 5)
    }

    /// The response that an attempt came to; nil: the request is to be sent again, and the pause before that is over.
    /// - Throws: `ConnectionFailure`, and `ErrorResponse` where every token is rejected: the request is not to be sent again.
    func response(of attempt: consuming Attempt, _ policy: inout RetryPolicy) async throws -> UpstreamResponse? {
        switch consume attempt {
        case .response(let response):
            guard let fault = response.fault, let pause = try pause(&policy, after: fault) else { return response }
            // Nothing is held during a pause.
            await registry.release(response)
            try await self.pause(for: pause)
        case .tokenRejected(let generation, let reason):
            registry.worker.tokenRejected(by: upstream)
            let event = RetryPolicy.Event.tokenRejected(generation: generation, reason, canReplay: true)
            guard next(&policy, after: event) != .fail else { throw TokenRejection.keepsRejecting }
        case .again(let pause): try await self.pause(for: pause)
        case .failed(let fault, let failure):
            guard let pause = try pause(&policy, after: fault) else { throw failure }
            try await self.pause(for: pause)
        }
        return nil
    }

    /// Ends a request that has no body and may be sent again, and waits for the head of its response.
    /// - Parameter rest: of the request, as `UpstreamConnection.begin` returned it.
    /// - Returns: as `awaitLateHead`.
    func awaitHead(of connection: UpstreamConnection, toHead: Bool, sending rest: [UInt8]?, _ policy: inout RetryPolicy)
        async throws -> Duration?
    {
        if let rest { try await connection.write(rest, timeout: timeouts.stall) }
        connection.finishRequest()
        let limit = min(timeouts.response, policy.stallLimit(at: .now))
        do { try await connection.readHead(toHead: toHead, scratch: registry.scratch, timeout: limit) } catch let failure
            as ConnectionFailure where failure.isStall
        { return try await awaitLateHead(of: connection, toHead: toHead, failure, &policy) }
        return nil
    }

    /// Waits further for a head that has not come in time, if the request may not be sent again now and no other registry can be asked: this one may only
    /// be slow, as it is when it fetches an image from elsewhere first.
    /// - Returns: how long to wait before the request is sent again; nil: the head has come.
    func awaitLateHead(of connection: UpstreamConnection, toHead: Bool, _ stall: ConnectionFailure, _ policy: inout RetryPolicy)
        async throws -> Duration?
    {
        var (stall, waited) = (stall, RetryPolicy.stallTime)
        while true {
            if let pause = try pause(&policy, after: .stalled, isAwaited: registry.alternative == .none) { return pause }
            let limit = registry.alternative != .none ? policy.left(at: .now) : timeouts.response - waited
            guard limit > .zero else { throw stall }
            waited += limit
            do {
                try await connection.readHead(toHead: toHead, scratch: registry.scratch, timeout: limit)
                return nil
            } catch let failure as ConnectionFailure where failure.isStall { stall = failure }
        }
    }

    /// How long the bytes of a body may fail to come before its request is sent again.
    func stallLimit(_ policy: RetryPolicy) -> Duration { min(timeouts.stall, policy.stallLimit(at: .now)) }

    /// Counts a request that is sent again.
    func count(_ reason: ReplayReason) {
        registry.record.replays += 1
        upstream.metrics.replayed(reason: reason.index)
    }
}
