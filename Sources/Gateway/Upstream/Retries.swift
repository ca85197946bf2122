import Configuration
import HTTPServer
import Telemetry
import Transport

/// Puts into practice what a `RetryPolicy` decides, for one exchange: with the clock, chance, the upstream's budget and its counters.
struct Retries {
    private let upstream: Upstream
    private let timeouts: Settings.Timeouts
    private let record: ExchangeRecord
    /// The client's connection.
    private let client: ServerConnection
    /// Of what is asked: the registry, or the storage of its blobs.
    private let circuit: Circuit
    /// Another registry could serve the request too.
    private let hasAlternative: Bool

    init(_ registry: RegistryClient, _ circuit: Circuit) {
        (upstream, timeouts, record, client) = (registry.upstream, registry.timeouts, registry.record, registry.client)
        (self.circuit, hasAlternative) = (circuit, registry.hasAlternative)
    }

    /// What the policy says to an event, and the upstream's budget to that. Counts the request if it is to be sent again.
    func next(_ policy: inout RetryPolicy, after event: RetryPolicy.Event) -> RetryPolicy.Decision {
        let now = ContinuousClock.now
        if case .failed(let fault, _) = event {
            if fault.isUnanswered { upstream.retries.countUnanswered() }
            if let problem = fault.problem {
                circuit.failed(because: problem)
                // Another attempt would only find the same.
                if hasAlternative, !circuit.isClosed { return .fail }
            }
        }
        let decision = policy.next(after: event, at: now, random: .random(in: 0..<1))
        switch decision {
        case .retry(let reason, _):
            guard !reason.isBudgeted || upstream.retries.take(at: now) else { return .fail }
            count(reason)
        case .resume: count(.resumed)
        case .fail: break
        }
        return decision
    }

    /// Whether a request whose attempt came to nothing is to be sent again. Waits before it returns true.
    /// - Throws: the client's failure, when it leaves meanwhile or the gateway stops.
    func repeats(_ policy: inout RetryPolicy, after fault: AttemptFault, canRepeat: Bool = true) async throws -> Bool {
        guard let pause = try pause(&policy, after: fault, canRepeat: canRepeat) else { return false }
        try await self.pause(for: pause)
        return true
    }

    /// How long to wait before a request whose attempt came to nothing is sent again; nil: it is not.
    /// - Throws: the gateway stops.
    func pause(_ policy: inout RetryPolicy, after fault: AttemptFault, canRepeat: Bool = true) throws -> Duration? {
        guard !client.isAbandoned else {
            throw ConnectionFailure(.client, .cancelled, call: "retry", reason: "the gateway is stopping")
        }
        guard case .retry(_, let pause) = next(&policy, after: .failed(fault, canRepeat: canRepeat)) else { return nil }
        return pause
    }

    /// Waits before a request is sent again.
    /// - Throws: the client's failure, when it leaves meanwhile.
    func pause(for duration: Duration) async throws {
        guard duration > .zero else { return }
        do { try await client.stream.pause(for: duration) } catch { throw ConnectionFailure(.client, error) }
    }

    /// Waits for the head of a response to a request that may be sent again. One that does not come in time is awaited further if the request may not
    /// be sent again now: the registry may only be slow.
    /// - Returns: how long to wait before the request is sent again; nil: the head has come.
    func awaitHead(of connection: UpstreamConnection, toHead: Bool, _ policy: inout RetryPolicy) async throws -> Duration? {
        var limit = min(timeouts.response, policy.stallLimit(at: .now))
        while true {
            do {
                try await connection.readHead(toHead: toHead, scratch: client.scratch, timeout: limit)
                return nil
            } catch let failure as ConnectionFailure where failure.isStall {
                if case .retry(_, let pause) = next(&policy, after: .failed(.stalled, canRepeat: true)) { return pause }
                limit = min(policy.left(at: .now), timeouts.response)
                guard limit > .zero else { throw failure }
            }
        }
    }

    /// How long the bytes of a body may fail to come before its request is sent again.
    func stallLimit(_ policy: RetryPolicy) -> Duration { min(timeouts.stall, policy.stallLimit(at: .now)) }

    /// Counts a request that is sent again.
    func count(_ reason: ReplayReason) {
        record.replays += 1
        upstream.metrics.replayed(reason: reason.index)
    }
}
