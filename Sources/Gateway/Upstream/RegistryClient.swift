import AWS
import Configuration
import FoundationEssentials
import HTTP
import Registry
import Telemetry
import Transport

/// An upstream as one exchange uses it: its tokens, its connections, and requests of Berth's own.
final class RegistryClient {
    /// The upstream, or the fallback in its place.
    let upstream: Upstream
    let worker: WorkerUpstreams
    let timeouts: Settings.Timeouts
    let record: ExchangeRecord
    /// Waits for the upstream use its waiter, so that its end ends them.
    let requester: Requester
    /// Other registries that could serve the request too, or the cache.
    var alternative: RegistryOrder.Alternative
    var isOvertaken = false  // The request was not sent, because others had failed while it waited.
    /// For all attempts, and for a token when there is none, or for a newer one.
    let time: Duration

    /// How long the rest of a body that nobody needs may fail to come: then a new connection is cheaper.
    private static let discardTime = Duration.seconds(1)

    init(
        upstream: Upstream, worker: WorkerUpstreams, timeouts: Settings.Timeouts, record: ExchangeRecord, requester: Requester,
        alternative: RegistryOrder.Alternative = .none, time: Duration = RetryPolicy.patience
    ) {
        (self.upstream, self.worker, self.timeouts, self.record, self.requester) = (upstream, worker, timeouts, record, requester)
        (self.alternative, self.time) = (alternative, time)
    }

    private var loop: EventLoop { worker.pool.loop }
    var scratch: UnsafeMutableRawBufferPointer { loop.scratch }
    var retries: Retries { Retries(self, upstream.circuit) }
    var storageRetries: Retries { Retries(self, upstream.storageCircuit) }
    var turns: Turns { Turns(registry: self) }
    /// When the time for all attempts of a request began that begins now.
    var start: ContinuousClock.Instant { loop.roundStart - (RetryPolicy.patience - time) }
    var output: OutputBuffer { loop.output }

    // MARK: Tokens and connections

    /// A token newer than those that the policy has seen rejected; nil: it has to be waited for.
    func readyToken(_ policy: RetryPolicy) -> AuthorizationToken? {
        worker.token(of: upstream).flatMap { $0.generation > policy.rejectedGeneration ? $0 : nil }
    }

    /// The same, with the wait, for which the policy's time stands still.
    func token(_ policy: inout RetryPolicy) async throws -> AuthorizationToken {
        if let token = readyToken(policy) { return token }
        let start = ContinuousClock.now
        defer { policy.postpone(by: start.duration(to: .now)) }
        // A token that could not be fetched is waited for only where nothing else is left.
        let wait = alternative != .none && upstream.isTokenFailing ? .zero : time
        guard let token = await upstream.keeper.token(newerThan: policy.rejectedGeneration, within: wait) else {
            throw ErrorResponse(
                .unavailable,
                "The gateway has no valid token for the upstream registry; the operator can see the cause in /readyz and the log.",
                retryAfter: 5)
        }
        return token
    }

    /// An idle connection to the registry; nil: there is none, or the policy wants a new one.
    func idleConnection(_ policy: RetryPolicy) -> Lease? {
        policy.needsNewConnection ? nil : worker.pool.leaseIdle(upstream.origin, waiter: requester.waiter)
    }

    /// A connection to the registry. Throws `ConnectionFailure`.
    func connect(_ policy: RetryPolicy) async throws -> Lease { try await connect(to: upstream.origin, policy, .registry) }

    /// A connection to where the registry keeps a blob. Throws like `connect`.
    func connect(toStorage origin: Origin, _ policy: RetryPolicy) async throws -> Lease {
        try await connect(to: origin, policy, .storage)
    }

    private func connect(to origin: Origin, _ policy: RetryPolicy, _ place: ConnectionFailure.Unreachable) async throws -> Lease {
        if !policy.needsNewConnection, let idle = worker.pool.leaseIdle(origin, waiter: requester.waiter) { return idle }
        let now = ContinuousClock.now
        var timeouts = timeouts
        timeouts.tlsHandshake = min(timeouts.tlsHandshake, policy.handshakeLimit(at: now))
        do {
            return try await worker.pool.connect(
                to: origin, timeouts: timeouts, deadline: now + policy.attemptTime(at: now), waiter: requester.waiter)
        } catch let error as TransportError {
            guard error.kind != .cancelled else { throw ConnectionFailure(.client, error) }
            throw ConnectionFailure(place, error)
        }
    }

    /// Counts a response of the registry, whose head has just come.
    /// - Parameter api: nil: that of the client's request.
    func countResponse(_ connection: UpstreamConnection, of api: RegistryAPI? = nil) {
        record.upstreamStatus = connection.head.status
        upstream.metrics.responded(
            worker: worker.worker, status: connection.head.status, seconds: connection.responseTime)
        if !connection.isServerError { upstream.circuit.succeeded() }
        if connection.head.status == 429 { upstream.shield.limited(api ?? RegistryAPI(record.operation)) }
    }

    func tokenAccepted(_ token: AuthorizationToken) { worker.tokenAccepted(token.generation, by: upstream) }

    // MARK: Requests of Berth's own

    /// The response to a request without a body, whole.
    /// - Parameters:
    ///   - target: path and query at the upstream.
    ///   - api: what the request is to the registry; nil: the same as the client's.
    ///   - limit: bytes of the response's body; a longer one is an error of the upstream's.
    func send(
        _ method: Method, _ target: [UInt8], as api: RegistryAPI? = nil, accept: StaticString? = nil, upTo limit: Int
    ) async throws -> WholeResponse {
        var policy = RetryPolicy(from: start)
        let requestHead = RequestHead(Head(), method: method, target: target[...], accept: accept)
        let lane = Lane(api ?? RegistryAPI(record.operation), isLarge: false)
        let response = try await response(to: requestHead, in: lane, collecting: limit, &policy)
        let whole = WholeResponse(response.head, body: response.body ?? [])
        guard whole.isReadable || whole.status >= 400 else {
            throw ErrorResponse.badGateway("The upstream registry's response has a coding that was not asked for.", retryAfter: 1)
        }
        return whole
    }

    /// Sends a request without a body, and again with another token or connection where that helps.
    /// - Parameter limit: bytes of the response's body, which is read with it: a break in it is another attempt; nil: it stays on the connection.
    func response(to requestHead: RequestHead, in lane: Lane, collecting limit: Int?, _ policy: inout RetryPolicy) async throws
        -> UpstreamResponse
    {
        while true {
            let attempt = try await attempt(requestHead, lane, collecting: limit, &policy)
            if let response = try await retries.response(of: attempt, &policy) { return response }
        }
    }

    private func attempt(_ requestHead: RequestHead, _ lane: Lane, collecting limit: Int?, _ policy: inout RetryPolicy) async throws
        -> Attempt
    {
        let token = try await token(&policy)
        let turn = try await turns.next(lane, &policy)
        var lease: Lease
        do { lease = try await connect(policy) } catch let failure as ConnectionFailure {
            return .failed(try AttemptFault(connecting: failure), failure)
        }
        lease.hold(turn)
        let connection = lease.connection
        do {
            if let pause = try await exchange(requestHead, token, as: lane.api, on: connection, &policy) {
                return .again(after: pause)
            }
            var body: [UInt8]?
            if let limit { body = try await collect(connection, upTo: limit, stall: retries.stallLimit(policy)) }
            if let reason = try await rejection(of: token, by: connection, to: requestHead.method, &body) {
                return .tokenRejected(generation: token.generation, reason)
            }
            return .response(UpstreamResponse(lease: lease, body: body))
        } catch let failure as ConnectionFailure { return .failed(try connection.fault(failure), failure) }
    }

    /// Why a response rejects the token; nil: it does not. Asks the registry where nothing else tells.
    /// - Parameter body: what has been read of the response. Its body is read here if that tells.
    func rejection(
        of token: AuthorizationToken, by connection: UpstreamConnection, to method: Method, _ body: inout [UInt8]?
    ) async throws -> TokenRejection.Reason? {
        var judgement = TokenRejection.judge(connection.head, method: method)
        if judgement == .inBody {
            let whole = if let body { body } else { try await collect(connection) }
            (judgement, body) = (TokenRejection.judge(status: connection.head.status, body: whole), whole)
        }
        let reason: TokenRejection.Reason? =
            switch judgement {
            case .yes(let reason): reason
            // The response is kept for the client: the registry is asked over another connection.
            case .unclear(let reason): try await isRejected(token) ? reason : nil
            case .no, .inBody: nil
            }
        if reason == nil {
            tokenAccepted(token)
        } else if body == nil {
            await discardBody(of: connection)
        }
        return reason
    }

    /// Asks the registry with `GET /v2/`, which needs nothing but a token. Any other response than a rejection (429, 503) says nothing about
    /// the token: the request itself then gets the upstream's own response.
    func isRejected(_ token: AuthorizationToken) async throws -> Bool {
        let ping = RequestHead(Head(), target: Array("/v2/".utf8)[...])
        var policy = RetryPolicy(from: .now, needsNewConnection: true)
        while true {
            let lease = try await connect(policy)
            let connection = lease.connection
            if let pause = try await exchange(ping, token, as: .other, on: connection, &policy) {
                try await retries.pause(for: pause)
                continue
            }
            let status = connection.head.status
            if status == 200 { tokenAccepted(token) }
            await discardBody(of: connection)
            return [400, 401, 403].contains(status)
        }
    }

    /// Sends a request without a body, and waits for its response's head.
    /// - Returns: as `Retries.awaitHead`.
    private func exchange(
        _ requestHead: RequestHead, _ token: AuthorizationToken, as api: RegistryAPI, on connection: UpstreamConnection,
        _ policy: inout RetryPolicy
    ) async throws -> Duration? {
        requestHead.writeRegistryHead(
            into: output, to: upstream.origin, token: token.fieldValue, trace: record.trace, length: 0)
        let rest = try connection.begin(output), toHead = requestHead.method == .head
        if let pause = try await retries.awaitHead(of: connection, toHead: toHead, sending: rest, &policy) { return pause }
        countResponse(connection, of: api)
        return nil
    }

    // MARK: Bodies

    /// The whole body of a response.
    /// - Parameter stall: how long its bytes may fail to come; nil: as long as those of any body.
    /// - Throws: `ConnectionFailure` also when it has more than `limit` bytes.
    func collect(_ connection: UpstreamConnection, upTo limit: Int = TokenRejection.maxBody, stall: Duration? = nil) async throws
        -> [UInt8]
    {
        guard let body = try await connection.collect(upTo: limit, scratch: scratch, timeout: stall ?? timeouts.stall) else {
            throw ConnectionFailure(
                .upstream, .system, call: "collect", reason: "a response of the upstream is larger than \(limit) bytes")
        }
        return body
    }

    /// Gives the connection of a response back, and ends the request's turn.
    func release(_ response: consuming UpstreamResponse) async { await discardBody(of: response.lease.connection) }

    /// Reads a body that nobody needs to its end where it is short, so that the connection can be used again.
    func discardBody(of connection: UpstreamConnection) async {
        _ = try? await connection.collect(
            upTo: TokenRejection.maxBody, scratch: scratch, timeout: min(timeouts.stall, Self.discardTime))
    }
}
