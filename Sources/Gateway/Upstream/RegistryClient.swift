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

    /// Sends a request without a body, and again with another token or connection where that helps.
    /// - Parameters:
    ///   - target: path and query at the upstream.
    ///   - api: what the request is to the registry; nil: the same as the client's.
    ///   - limit: bytes of the response's body; a longer one is an error of the upstream's.
    func send(
        _ method: Method, _ target: [UInt8], as api: RegistryAPI? = nil, accept: StaticString? = nil, upTo limit: Int
    ) async throws -> WholeResponse {
        var policy = RetryPolicy(from: start)
        while true {
            let token = try await token(&policy)
            switch try await attempt(method, target, as: api, token: token, accept: accept, upTo: limit, &policy) {
            case .again(let pause): try await retries.pause(for: pause)
            case .failed(let fault, let failure): guard try await retries.repeats(&policy, after: fault) else { throw failure }
            case .response(let response, let fault):
                if let fault, try await retries.repeats(&policy, after: fault) { continue }
                if let reason = try await rejection(of: token, in: response) {
                    let event = RetryPolicy.Event.tokenRejected(generation: token.generation, reason, canReplay: true)
                    guard retries.next(&policy, after: event) != .fail else { throw TokenRejection.keepsRejecting }
                    continue
                }
                tokenAccepted(token)
                guard response.isReadable || response.status >= 400 else {
                    throw ErrorResponse.badGateway(
                        "The upstream registry's response has a coding that was not asked for.", retryAfter: 1)
                }
                return response
            }
        }
    }

    private enum Outcome {
        /// - Parameter fault: nil: the status is no reason to try again.
        case response(WholeResponse, AttemptFault?)
        case failed(AttemptFault, ConnectionFailure)
        case again(after: Duration)
    }

    /// The connection is free afterwards.
    private func attempt(
        _ method: Method, _ target: [UInt8], as api: RegistryAPI?, token: AuthorizationToken, accept: StaticString?,
        upTo limit: Int, _ policy: inout RetryPolicy
    ) async throws -> Outcome {
        let api = api ?? RegistryAPI(record.operation)
        let turn = try await turns.next(Lane(api, isLarge: false), &policy)
        var lease: Lease
        do { lease = try await connect(policy) } catch let failure as ConnectionFailure {
            guard failure.side == .upstream else { throw failure }
            return .failed(.unreachable(isPermanent: failure.isPermanent), failure)
        }
        lease.hold(turn)
        let connection = lease.connection
        do {
            if let pause = try await request(method, target, as: api, token: token, accept: accept, on: connection, &policy) {
                return .again(after: pause)
            }
            let body = try await collect(connection, upTo: limit, stall: retries.stallLimit(policy))
            let fault = AttemptFault(status: connection.head.status, retryAfter: connection.retryAfter)
            return .response(WholeResponse(connection.head, body: body), fault)
        } catch let failure as ConnectionFailure {
            guard failure.side == .upstream else { throw failure }
            return .failed(connection.fault(failure), failure)
        }
    }

    /// nil: the token was accepted.
    private func rejection(of token: AuthorizationToken, in response: WholeResponse) async throws -> TokenRejection.Reason? {
        switch TokenRejection.judge(status: response.status, method: response.isReadable ? .get : .head) {
        case .yes(let reason): return reason
        case .unclear(let reason): return try await isRejected(token) ? reason : nil
        case .inBody:
            if case .yes(let reason) = TokenRejection.judge(status: response.status, body: response.body) { return reason }
            return nil
        case .no: return nil
        }
    }

    /// Asks the registry with `GET /v2/`, which needs nothing but a token. Any other response than a rejection (429, 503) says nothing about
    /// the token: the request itself then gets the upstream's own response.
    func isRejected(_ token: AuthorizationToken) async throws -> Bool {
        var policy = RetryPolicy(from: .now, needsNewConnection: true)
        while true {
            let lease = try await connect(policy)
            let connection = lease.connection
            if let pause = try await request(.get, Array("/v2/".utf8), as: .other, token: token, on: connection, &policy) {
                try await retries.pause(for: pause)
                continue
            }
            let status = connection.head.status
            if status == 200 { tokenAccepted(token) }
            await discardBody(of: connection)
            return [400, 401, 403].contains(status)
        }
    }

    /// A request without a body, and its response's head.
    /// - Returns: as `Retries.awaitHead`.
    private func request(
        _ method: Method, _ target: [UInt8], as api: RegistryAPI, token: AuthorizationToken, accept: StaticString? = nil,
        on connection: UpstreamConnection, _ policy: inout RetryPolicy
    ) async throws -> Duration? {
        let output = output
        output.removeAll()
        output.append(method.token)
        output.append(" ")
        output.append(target)
        output.append(" HTTP/1.1\r\n")
        upstream.origin.appendField(to: output)
        output.append("Accept-Encoding: identity\r\n")
        output.appendField("Authorization", token.fieldValue)
        record.trace.appendField(to: output)
        if let accept { output.appendField("Accept", accept) }
        if method == .post { output.append("Content-Length: 0\r\n") }
        output.append("\r\n")
        if let rest = try connection.begin(output) { try await connection.write(rest, timeout: timeouts.stall) }
        connection.finishRequest()
        if let pause = try await retries.awaitHead(of: connection, toHead: method == .head, &policy) { return pause }
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

    /// Reads a body that nobody needs to its end where it is short, so that the connection can be used again.
    func discardBody(of connection: UpstreamConnection) async {
        _ = try? await connection.collect(
            upTo: TokenRejection.maxBody, scratch: scratch, timeout: min(timeouts.stall, Self.discardTime))
    }
}
