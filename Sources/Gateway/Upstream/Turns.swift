import Registry
import Telemetry
import Transport

/// How one exchange gets its turn at an upstream.
struct Turns {
    let registry: RegistryClient

    private var upstream: Upstream { registry.upstream }
    private var record: ExchangeRecord { registry.record }

    /// The request's turn, with a wait if it must be, for which the policy's time stands still before the first attempt.
    func next(_ lane: Lane, _ policy: inout RetryPolicy) async throws -> Turn {
        if let turn = upstream.shield.tryBegin(lane) { return turn }
        upstream.metrics.delayed()
        let start = ContinuousClock.now, wasClosed = upstream.circuit.isClosed
        let limit = policy.hasFaults ? policy.left(at: start) : .nanoseconds(Lines.maxWait)
        let wait = await upstream.shield.begin(lane, user: lineUser, within: limit, for: registry.requester)
        if !policy.hasFaults { policy.postpone(by: start.duration(to: .now)) }
        switch consume wait {
        case .turn(let turn):
            try registry.retries.checkInUse(wasClosed, hasAsked: policy.hasFaults)
            return turn
        case .clientGone:
            throw ConnectionFailure(.client, .cancelled, call: "wait", reason: "the client left before the request's turn came")
        case .isRejected(let seconds):
            throw ErrorResponse.shed("Too many requests wait for the upstream registry; try again later.", retryAfter: seconds)
        }
    }

    /// Who takes turns with other users. Clients without a login do so among themselves too.
    private var lineUser: String {
        guard let user = record.user, user != "anonymous" else { return String(decoding: record.clientText, as: UTF8.self) }
        return user
    }
}
