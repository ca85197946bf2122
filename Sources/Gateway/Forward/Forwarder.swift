import AWS
import Configuration
import HTTP
import HTTPServer
import Registry
import Transport

/// The upstream half of an exchange: sends the client's request with a valid token, again where the token or the connection was not good,
/// and returns the response. The client does not see an expired token.
final class Forwarder {
    let request: RegistryRequest
    let route: Route
    let downstream: Downstream
    let registry: RegistryClient
    let writer: ResponseWriter
    /// The body of the client's request.
    private(set) var body: ReplayBody
    private(set) var policy = RetryPolicy()

    init(
        _ request: RegistryRequest, route: Route, downstream: Downstream, registry: RegistryClient, writer: ResponseWriter
    ) {
        (self.request, self.route, self.downstream, self.registry, self.writer) = (request, route, downstream, registry, writer)
        body = writer.client.request.head.framing == .none ? .none : .partial([])
    }

    var client: ClientSide { writer.client }
    /// The head of the client's request.
    var head: Head { client.request.head }
    var record: ExchangeRecord { registry.record }
    var rewriting: Rewriting { route.rewriting(publicURL: downstream.publicURL) }

    /// Path and query at the upstream.
    var target: [UInt8] { route.target(of: request, asSent: head.target) }

    // MARK: The request

    /// Reads a body that has at most `limit` bytes before anything is sent: with it in hand, every rejection can be retried.
    func readBody(upTo limit: Int) async throws {
        guard case .partial = body else { return }
        if case .length(let count) = head.framing, count > limit { return }
        var bytes: [UInt8] = []
        while case let piece = try await client.read(upTo: client.scratch.count), !piece.isEmpty {
            bytes += piece
            if bytes.count > limit { break }
        }
        body = client.request.hasUnreadBody ? .partial(bytes) : .whole(bytes)
    }

    /// Sends the request, and again where the policy says so.
    /// - Returns: any response but a rejection of the token.
    /// - Throws: `ConnectionFailure` when the connection breaks and the request cannot be sent again; `ErrorResponse`.
    func send(_ requestHead: RequestHead) async throws -> UpstreamResponse {
        while policy.beginAttempt() {
            try client.checkNotAbandoned()
            switch try await attempt(requestHead) {
            case .response(let response): return response
            case .tokenRejected(let generation, let reason): try rejectToken(generation, reason)
            case .failed(let event, let failure):
                guard !writer.hasStarted, policy.next(after: event) != .fail else { throw failure }
                registry.countReplay(.staleConnection)
            }
        }
        throw RegistryClient.keepsRejecting
    }

    /// What one attempt came to.
    private enum Outcome: ~Copyable {
        /// The registry accepted the token.
        case response(UpstreamResponse)
        case tokenRejected(generation: Int, TokenRejection.Reason)
        /// The connection broke.
        case failed(RetryPolicy.Event, ConnectionFailure)
    }

    /// Sends the request once, from the token to the response's head.
    /// - Throws: what no other attempt would change.
    private func attempt(_ requestHead: RequestHead) async throws -> Outcome {
        let token = if let token = registry.readyToken(policy) { token } else { try await registry.token(policy) }
        if needsProof, try await registry.isRejected(token) { return .tokenRejected(generation: token.generation, .expired) }
        let lease =
            if let idle = registry.idleConnection(policy) { idle } else {
                try await registry.connect(isNew: policy.needsNewConnection)
            }
        let connection = lease.connection
        do {
            if let rest = try begin(requestHead, token, on: connection) {
                try await connection.write(rest, timeout: registry.timeouts.stall)
            }
            if body.isWhole { connection.finishRequest() } else { try await relayBody(to: connection) }
            try await connection.readHead(
                toHead: requestHead.method == .head, scratch: client.scratch, timeout: registry.timeouts.response)
            registry.countResponse(connection)
            let judgement = TokenCheck.judgement(of: connection.head, method: requestHead.method)
            if case .no = judgement {
                registry.tokenAccepted()
                return .response(UpstreamResponse(lease: lease, body: nil))
            }
            let (rejection, read) = try await TokenCheck(registry: registry, token: token).rejection(judgement, by: connection)
            guard let rejection else {
                registry.tokenAccepted()
                return .response(UpstreamResponse(lease: lease, body: read))
            }
            if read == nil { await registry.discardBody(of: connection) }
            return .tokenRejected(generation: token.generation, rejection)
        } catch let failure as ConnectionFailure {
            // RFC 9110 9.2.2; a POST that opens a session twice leaves one unused.
            let canReplay = body.canReplay && (head.method.isIdempotent || head.method == .post)
            return .failed(connection.event(of: failure, canReplay: canReplay), failure)
        }
    }

    /// An upload whose body is not held cannot be sent twice, so its token is verified first, unless the upstream has just accepted it.
    private var needsProof: Bool {
        guard !body.isWhole, !registry.worker.isTokenProven(at: route.upstream) else { return false }
        if case .length(let count) = head.framing { return count > ReplayBody.maxHeld }
        return true
    }

    /// The next token must be a newer one. Ends the exchange where the request cannot be sent again.
    private func rejectToken(_ generation: Int, _ reason: TokenRejection.Reason) throws {
        registry.countReplay(ReplayReason(reason))
        let event = RetryPolicy.Event.tokenRejected(generation: generation, reason, canReplay: body.canReplay)
        guard policy.next(after: event) == .fail else { return }
        client.request.closeAfterResponse()
        // Clients try again after 503, and not after ECR's 403 (ECR 6).
        throw ErrorResponse(
            .unavailable, "The registry's token was renewed in the middle of this upload; send it again.", retryAfter: 1)
    }

    /// Starts the request: its head, and what is held of its body.
    /// - Returns: what the socket did not take at once; nil: nothing.
    private func begin(_ requestHead: RequestHead, _ token: AuthorizationToken, on connection: UpstreamConnection)
        throws(ConnectionFailure)
        -> [UInt8]?
    {
        let output = client.output
        requestHead.writeRegistryHead(
            into: output, to: route.upstream.origin, token: token.fieldValue, trace: record.trace, length: bodyLength)
        let held = body.held
        if !held.isEmpty {
            if isChunked { output.appendChunkSize(held.count) }
            output.append(held)
            if isChunked { output.append("\r\n") }
        }
        return try connection.begin(output)
    }

    private var isChunked: Bool { !body.isWhole && head.framing == .chunked }

    /// The rest of the request's body. It ends early, without an error, when the upstream responds before it has all.
    private func relayBody(to connection: UpstreamConnection) async throws {
        let isChunked = isChunked
        // Only now: the upstream is connected, and the token good.
        try await client.sendContinue()
        body.releaseLarge()
        try await Relay(client: client, upstream: connection, record: record, transfers: registry.worker.transfers).request(
            chunked: isChunked, body: &body)
    }

    /// nil: chunked.
    private var bodyLength: Int? {
        switch head.framing {
        case .length(let count): count
        case .chunked: body.isWhole ? body.taken : nil
        case .none, .untilClose: 0
        }
    }

    /// Whether to ask for the rest of a blob whose transfer failed. Waits before it returns true.
    func resumes(after failure: ConnectionFailure, canResume: Bool) async -> Bool {
        guard failure.side == .upstream, !client.request.connection.isAbandoned,
            case .resume(let pause) = policy.next(
                after: .transferFailed(isStall: failure.isStall, sent: writer.bodySent, canResume: canResume))
        else { return false }
        await client.stream.loop.sleep(for: pause)
        registry.countReplay(.resumed)
        return true
    }

    /// Whether another URL of a blob is to be asked for.
    func renewsURL() -> Bool {
        guard case .retry(let reason) = policy.next(after: .urlExpired) else { return false }
        registry.countReplay(reason)
        return true
    }

    // MARK: The response

    /// The registry's response to the client: as it is, or as the error that it comes to.
    /// - Parameters:
    ///   - status: nil: the upstream's.
    ///   - fields: in the place of the upstream's.
    ///   - body: the body, where the caller has read it.
    func pass(
        _ response: consuming UpstreamResponse, status: Int? = nil, fields: [ResponseField] = [], body: [UInt8]? = nil
    ) async throws {
        try rejectRedirect(response)
        if response.status >= 400, head.method != .head { throw error(try await failure(response)) }
        let head = response.head
        // Few responses have an address to rewrite.
        let hasAddress = head.has(.location) || head.has(.link)
        try await writer.pass(
            response.lease.connection, .registry(fields: fields, hasAddress ? rewriting : nil), status: status,
            body: body ?? response.body)
    }

    /// An error of the upstream, its body whole. The connection is free afterwards.
    func failure(_ response: consuming UpstreamResponse) async throws -> UpstreamError {
        let connection = response.lease.connection
        let body = if let read = response.body { read } else { try await registry.collect(connection) }
        let contentRange = connection.head.value(of: .contentRange).map { String(decoding: $0, as: UTF8.self) }
        return UpstreamError(
            status: response.status, body: body, retryAfter: connection.retryAfter, contentRange: contentRange)
    }

    /// The upstream's error, in the client's words.
    func error(_ failure: UpstreamError) -> ErrorResponse {
        record.reason = failure.message
        return failure.response(to: request, upstreamRepository: route.upstreamRepository)
    }

    /// Only a blob's redirect may lead out of the registry. With any other the client would bypass Berth, and perhaps send its login there.
    func rejectRedirect(_ response: borrowing UpstreamResponse) throws {
        let head = response.head
        guard (300..<400).contains(head.status), head.status != 304 else { return }
        let place = head.value(of: .location).flatMap { BlobLocation($0, connectTo: ConnectTo()) }
        record.reason = "the registry responded with status \(head.status)\(place.map { ", redirecting to \($0.origin)" } ?? "")"
        throw ErrorResponse.badGateway("The upstream registry redirects this request, which the gateway does not follow.")
    }
}
