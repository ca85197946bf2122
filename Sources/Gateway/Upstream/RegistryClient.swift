import AWS
import Configuration
import HTTP
import HTTPServer
import Registry
import Telemetry
import Transport

/// An upstream as one exchange uses it: its tokens, its connections, and requests of Berth's own.
struct RegistryClient {
    let upstream: Upstream
    let worker: WorkerUpstreams
    let timeouts: Settings.Timeouts
    let record: ExchangeRecord
    /// The client's connection. Waits for the upstream use its waiter, so that closing it ends them.
    let client: ServerConnection

    /// Of a request of Berth's own: a stale connection and a rejected token, each with room for one more.
    private static let maxAttempts = 4
    /// How long a request waits for a token when there is none, or for a newer one.
    private static let tokenWait = Duration.seconds(10)

    var scratch: UnsafeMutableRawBufferPointer { client.scratch }
    var output: OutputBuffer { client.stream.loop.output }

    // MARK: Tokens and connections

    /// A token newer than those that the policy has seen rejected; nil: it has to be waited for.
    func readyToken(_ policy: RetryPolicy) -> AuthorizationToken? {
        guard let token = worker.token(of: upstream), token.generation > policy.rejectedGeneration else { return nil }
        return token
    }

    /// The same, with the wait.
    func token(_ policy: RetryPolicy) async throws -> AuthorizationToken {
        if let token = readyToken(policy) { return token }
        guard let token = await upstream.keeper.token(newerThan: policy.rejectedGeneration, within: Self.tokenWait) else {
            throw ErrorResponse(
                .unavailable,
                "The gateway has no valid token for the upstream registry; the operator can see the cause in /readyz and the log.",
                retryAfter: 5)
        }
        return token
    }

    /// An idle connection to the registry; nil: there is none, or the policy wants a new one.
    func idleConnection(_ policy: RetryPolicy) -> Lease? {
        policy.needsNewConnection ? nil : worker.pool.leaseIdle(upstream.origin, waiter: client.stream.waiter)
    }

    /// A connection to the registry.
    func connect(isNew: Bool) async throws -> Lease {
        try await connect(to: upstream.origin, isNew: isNew, named: "upstream registry", end: "upstream_unreachable")
    }

    /// A connection to where the registry keeps a blob.
    func connect(toStorage origin: Origin, isNew: Bool) async throws -> Lease {
        try await connect(to: origin, isNew: isNew, named: "blob's storage", end: "storage_unreachable")
    }

    private func connect(to origin: Origin, isNew: Bool, named name: StaticString, end: StaticString) async throws -> Lease {
        do {
            return try await worker.pool.lease(origin, timeouts: timeouts, waiter: client.stream.waiter, isNew: isNew)
        } catch let error as TransportError {
            guard error.kind != .cancelled else { throw ConnectionFailure(.client, error) }
            record.end = end
            record.reason = "\(error)"
            throw ErrorResponse(
                .unavailable, "The \(name) cannot be reached.", status: error.kind == .timedOut ? 504 : 502, retryAfter: 5)
        }
    }

    /// Counts a request that is sent again.
    func countReplay(_ reason: ReplayReason) {
        record.replays += 1
        upstream.metrics.replayed(reason: reason.index)
    }

    /// Counts a response of the registry, whose head has just come.
    func countResponse(_ connection: UpstreamConnection) {
        record.upstreamStatus = connection.head.status
        upstream.metrics.responded(
            worker: worker.worker, status: connection.head.status, seconds: connection.responseTime)
    }

    func tokenAccepted() { worker.tokenAccepted(by: upstream) }

    /// Once `RetryPolicy` gives up on tokens.
    static let keepsRejecting = ErrorResponse.badGateway(
        "The upstream registry keeps rejecting the gateway's token.", retryAfter: 30)

    // MARK: Requests of Berth's own

    /// Sends a request without a body, and again with another token or connection where that helps.
    /// - Parameters:
    ///   - target: path and query at the upstream.
    ///   - limit: bytes of the response's body; a longer one is an error of the upstream's.
    func send(_ method: Method, _ target: [UInt8], accept: StaticString? = nil, upTo limit: Int) async throws -> WholeResponse {
        var policy = RetryPolicy(maxAttempts: Self.maxAttempts)
        while policy.beginAttempt() {
            let token = try await token(policy)
            let lease = try await connect(isNew: policy.needsNewConnection)
            let connection = lease.connection
            let response: WholeResponse
            do {
                response = try await send(method, target, token: token, accept: accept, upTo: limit, on: lease)
            } catch let failure as ConnectionFailure {
                guard !client.isAbandoned, policy.next(after: connection.event(of: failure)) != .fail else { throw failure }
                continue
            }
            if let reason = try await rejection(of: token, in: response) {
                _ = policy.next(after: .tokenRejected(generation: token.generation, reason, canReplay: true))
                countReplay(ReplayReason(reason))
                continue
            }
            tokenAccepted()
            guard response.isReadable || response.status >= 400 else {
                throw ErrorResponse.badGateway(
                    "The upstream registry's response has a coding that was not asked for.", retryAfter: 1)
            }
            return response
        }
        throw Self.keepsRejecting
    }

    /// The connection is free afterwards.
    private func send(
        _ method: Method, _ target: [UInt8], token: AuthorizationToken, accept: StaticString?, upTo limit: Int,
        on lease: consuming Lease
    ) async throws -> WholeResponse {
        try await request(method, target, token: token, accept: accept, on: lease.connection)
        return WholeResponse(lease.connection.head, body: try await collect(lease.connection, upTo: limit))
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
        let lease = try await connect(isNew: true)
        let connection = lease.connection
        try await request(.get, Array("/v2/".utf8), token: token, on: connection)
        let status = connection.head.status
        if status == 200 { tokenAccepted() }
        await discardBody(of: connection)
        return [400, 401, 403].contains(status)
    }

    /// A request without a body, and its response's head.
    private func request(
        _ method: Method, _ target: [UInt8], token: AuthorizationToken, accept: StaticString? = nil,
        on connection: UpstreamConnection
    ) async throws {
        let output = output
        output.removeAll()
        output.append(method.token)
        output.append(" ")
        output.append(target)
        output.append(" HTTP/1.1\r\n")
        output.appendField("Host", upstream.origin.fieldValue)
        output.append("Accept-Encoding: identity\r\n")
        output.appendField("Authorization", token.fieldValue)
        record.trace.appendField(to: output)
        if let accept { output.appendField("Accept", accept) }
        if method == .post { output.append("Content-Length: 0\r\n") }
        output.append("\r\n")
        if let rest = try connection.begin(output) { try await connection.write(rest, timeout: timeouts.stall) }
        connection.finishRequest()
        try await connection.readHead(toHead: false, scratch: scratch, timeout: timeouts.response)
        countResponse(connection)
    }

    // MARK: Bodies

    /// The whole body of a response.
    /// - Throws: `ConnectionFailure` also when it has more than `limit` bytes.
    func collect(_ connection: UpstreamConnection, upTo limit: Int = TokenRejection.maxBody) async throws -> [UInt8] {
        guard let body = try await connection.collect(upTo: limit, scratch: scratch, timeout: timeouts.stall) else {
            throw ConnectionFailure(
                .upstream, .system, call: "collect", reason: "a response of the upstream is larger than \(limit) bytes")
        }
        return body
    }

    /// Reads a body that nobody needs to its end where it is short, so that the connection can be used again.
    func discardBody(of connection: UpstreamConnection) async {
        _ = try? await connection.collect(upTo: TokenRejection.maxBody, scratch: scratch, timeout: timeouts.stall)
    }
}
