import HTTPServer
import Registry
import Telemetry
import Transport

/// How one exchange gets its turn at an upstream.
struct Turns {
    let upstream: Upstream
    let record: ExchangeRecord
    /// The client's connection.
    let client: ServerConnection

    /// The request's turn; nil: it has to be waited for.
    func ready(_ lane: Lane) -> Turn? { upstream.shield.tryBegin(lane) }

    /// The same, with the wait, for which the policy's time stands still before the first attempt.
    func next(_ lane: Lane, _ policy: inout RetryPolicy) async throws -> Turn {
        if let turn = ready(lane) { return turn }
        upstream.metrics.delayed()
        let start = ContinuousClock.now
        let limit = policy.hasFaults ? policy.left(at: start) : .nanoseconds(Lines.maxWait)
        let wait = await upstream.shield.begin(lane, user: lineUser, within: limit, for: client)
        if !policy.hasFaults { policy.postpone(by: start.duration(to: .now)) }
        switch consume wait {
        case .turn(let turn): return turn
        case .clientGone:
            throw ConnectionFailure(.client, .cancelled, call: "wait", reason: "the client left before the request's turn came")
        case .isRejected(let seconds):
            record.end = "shed"
            throw ErrorResponse(
                .unavailable, "Too many requests wait for the upstream registry; try again later.", status: 503, retryAfter: seconds
            )
        }
    }

    /// Who takes turns with other users. Clients without a login do so among themselves too.
    private var lineUser: String {
        guard let user = record.user, user != "anonymous" else { return String(decoding: record.clientText, as: UTF8.self) }
        return user
    }
}
