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
    /// How the request came to this registry; nil: it goes to no other.
    let failover: Failover?
    private(set) var body: ReplayBody
    private(set) var policy: RetryPolicy
    /// The registry may have taken the request in an attempt that had no response, or one that does not tell (503), and was not the last.
    private(set) var mayHaveBeenTaken = false

    init(
        _ request: RegistryRequest, route: Route, downstream: Downstream, registry: RegistryClient, writer: ResponseWriter,
        failover: Failover? = nil
    ) {
        (self.request, self.route, self.downstream, self.registry, self.writer) = (request, route, downstream, registry, writer)
        self.failover = failover
        body = writer.client.request.head.framing == .none ? .none : .partial([])
        policy = RetryPolicy(from: failover == nil ? writer.client.stream.loop.roundStart : registry.start)
    }

    var client: ClientSide { writer.client }
    /// The upstream's own registry is asked, and no fallback.
    var isAtUpstream: Bool { failover?.isAtFallback != true }
    /// Whose registry, or a fallback of it, is asked.
    var upstream: Upstream { failover?.upstream ?? route.upstream }
    var head: Head { client.request.head }
    var record: ExchangeRecord { registry.record }
    var rewriting: Rewriting { route.rewriting(publicURL: downstream.publicURL) }

    /// Path and query at the upstream.
    var target: ArraySlice<UInt8> { route.target(of: request, asSent: head.target) }

    // MARK: The registry

    /// The same request to another registry, after an error. nil: there is none.
    /// - Parameter isResuming: the rest of a response that has started is asked for.
    func elsewhere(after error: any Error, isResuming: Bool = false) throws -> Forwarder? {
        guard let failover, isResuming || !writer.hasStarted, !client.request.connection.isAbandoned,
            try failover.advance(after: error, isOvertaken: registry.isOvertaken, hasToken: registry.worker.hasToken)
        else { return nil }
        record.reason = "\(registry.upstream.host): \(record.reason ?? Failover.text(of: error))"
        registry.retries.count(.failover)
        return Forwarder(
            request, route: route.to(failover.registry), downstream: downstream, registry: failover.client(registry),
            writer: writer, failover: failover)
    }

    // MARK: The request

    /// Reads a body that has at most `limit` bytes before anything is sent: with it in hand, every rejection can be retried.
    func readBody(upTo limit: Int) async throws {
        guard case .partial = body else { return }
        if case .length(let count) = head.framing, count > limit { return }
        body = try await RequestSender.readBody(of: client, upTo: limit, &policy)
    }

    /// As `RetryPolicy.postpone`.
    func postpone(since start: ContinuousClock.Instant) { policy.postpone(by: start.duration(to: .now)) }

    /// Sends the request, and again where the policy says so.
    /// - Parameter collected: bytes of a successful response's body that are read before this returns, so that the request can be sent again also when it
    ///   breaks off; nil: none. A body that has come with the head stays on the connection.
    /// - Returns: any response but a rejection of the token.
    /// - Throws: `ConnectionFailure` when the connection breaks and the request cannot be sent again; `ErrorResponse`.
    func send(_ requestHead: RequestHead, collecting collected: Int? = nil) async throws -> UpstreamResponse {
        let repetition = Repetition(requestHead.method, head.framing)
        while true {
            try client.checkNotAbandoned()
            switch try await attempt(requestHead, repetition, collecting: collected) {
            case .response(let response):
                guard let fault = response.fault, let pause = try pause(after: fault, repetition) else { return response }
                // Nothing is held during a pause.
                await registry.release(response)
                try await registry.retries.pause(for: pause)
            case .tokenRejected(let generation, let reason): try rejectToken(generation, reason)
            case .again(let pause): try await registry.retries.pause(for: pause)
            case .failed(let fault, let failure):
                guard let pause = try pause(after: fault, repetition) else { throw failure }
                try await registry.retries.pause(for: pause)
            }
        }
    }

    /// How long to wait before the request is sent again; nil: it is not.
    private func pause(after fault: AttemptFault, _ repetition: Repetition) throws -> Duration? {
        let pause = try registry.retries.pause(&policy, after: fault, canRepeat: repetition.allows(after: fault, body))
        if pause != nil, !fault.saysNotTaken { mayHaveBeenTaken = true }
        return pause
    }

    /// Sends the request once, from the token to the response's head.
    /// - Throws: what no other attempt would change.
    private func attempt(_ requestHead: RequestHead, _ repetition: Repetition, collecting collected: Int?) async throws -> Attempt {
        let token =
            if let token = registry.readyToken(policy) {
                body.isWhole ? token : await check(token).lasting(for: body, head.framing)
            } else {
                try await registry.token(&policy)
            }
        let lane = Lane(request.operation, body: head.framing, isHeld: body.isWhole)
        let turn =
            if let turn = registry.upstream.shield.tryBegin(lane) { turn } else { try await registry.turns.next(lane, &policy) }
        var lease: Lease
        do {
            if !body.isWhole, check(token).isNeeded(before: body, head.framing), try await registry.isRejected(token) {
                return .tokenRejected(generation: token.generation, .expired)
            }
            lease = if let idle = registry.idleConnection(policy) { idle } else { try await registry.connect(policy) }
        } catch let failure as ConnectionFailure { return .failed(try AttemptFault(connecting: failure), failure) }
        lease.hold(turn)
        let connection = lease.connection
        do {
            if let rest = try RequestSender.begin(requestHead, token, body, by: registry, on: connection) {
                try await connection.write(rest, timeout: registry.timeouts.stall)
            }
            if body.isWhole {
                connection.finishRequest()
            } else {
                try await RequestSender.end(&body, &policy, client, registry, connection)
            }
            let isHead = requestHead.method == .head, longest = registry.timeouts.response
            let limit = repetition == .harmless ? min(longest, policy.stallLimit(at: .now)) : longest
            do { try await connection.readHead(toHead: isHead, scratch: client.scratch, timeout: limit) } catch let failure
                as ConnectionFailure where failure.isStall && repetition == .harmless
            {
                if let pause = try await registry.retries.awaitLateHead(of: connection, toHead: isHead, failure, &policy) {
                    return .again(after: pause)
                }
            }
            registry.countResponse(connection)
            if case .no = TokenRejection.judge(connection.head, method: requestHead.method) {
                registry.tokenAccepted(token)
                var body: [UInt8]?
                let hasArrived = connection.arrivedBody != nil
                if !hasArrived, let collected {
                    body = try await CollectedBody.read(connection, upTo: collected, by: registry, policy)
                }
                // How long the client takes is not the registry's time. A body too long to be collected is rare, and takes as long as its client likes.
                if hasArrived || collected != nil { lease.endTurn() }
                return .response(UpstreamResponse(lease: lease, body: body))
            }
            var read: [UInt8]?
            if let reason = try await registry.rejection(of: token, by: connection, to: requestHead.method, &read) {
                return .tokenRejected(generation: token.generation, reason)
            }
            return .response(UpstreamResponse(lease: lease, body: read))
        } catch let failure as ConnectionFailure {
            mayHaveBeenTaken = true
            return .failed(try connection.fault(failure), failure)
        }
    }

    private func check(_ token: AuthorizationToken) -> TokenCheck { TokenCheck(registry: registry, token: token) }

    /// The next token must be a newer one. Ends the exchange where the request cannot be sent again.
    private func rejectToken(_ generation: Int, _ reason: TokenRejection.Reason) throws {
        let event = RetryPolicy.Event.tokenRejected(generation: generation, reason, canReplay: body.canReplay)
        registry.worker.tokenRejected(by: registry.upstream)
        guard registry.retries.next(&policy, after: event) == .fail else { return }
        guard !body.canReplay else { throw TokenRejection.keepsRejecting }
        client.request.closeAfterResponse()
        // Clients try again after 503, and not after ECR's 403 (ECR 6).
        throw ErrorResponse(
            .unavailable, "The registry's token was renewed in the middle of this upload; send it again.", retryAfter: 1)
    }

    /// Whether to ask for the rest of a blob whose transfer failed. Waits before it returns true.
    func resumes(canResume: Bool) async throws -> Bool {
        let event = RetryPolicy.Event.transferFailed(sent: writer.bodySent, canResume: canResume)
        guard case .resume(let pause) = registry.retries.next(&policy, after: event) else { return false }
        try await registry.retries.pause(for: pause)
        return true
    }

    /// Whether another URL of a blob is to be asked for.
    func renewsURL() -> Bool { registry.retries.next(&policy, after: .urlExpired) != .fail }

    // MARK: The response

    /// The registry's response to the client: as it is, or as the error that it comes to.
    /// - Parameters:
    ///   - status: nil: the upstream's.
    ///   - fields: in the place of the upstream's.
    ///   - body: the body, where the caller has read it.
    func pass(
        _ response: consuming UpstreamResponse, status: Int? = nil, fields: [ResponseField] = [], body: [UInt8]? = nil
    ) async throws {
        try BlobLocation.rejectRedirect(response.head, record)
        if isThrown(response.status) { throw error(try await failure(response)) }
        let head = response.head, hasAddress = head.has(.location) || head.has(.link)
        var fields = fields
        // An error of HEAD: the others do not come here.
        if response.status >= 429, response.fault != nil, !head.has(.retryAfter) {
            fields.append(ResponseField(.retryAfter, "Retry-After", [UInt8(ascii: "1")]))
        }
        try await writer.pass(
            response.lease.connection, .registry(fields: fields, hasAddress ? rewriting : nil), status: status,
            body: body ?? response.body)
    }

    /// Whether a response is thrown as an error: HEAD's has no body, and passes as it is unless another registry is asked, or the cache.
    func isThrown(_ status: Int) -> Bool {
        guard head.method == .head else { return status >= 400 }
        return failover?.isMoved(by: status) == true || registry.alternative == .inUse && (status == 429 || status >= 500)
    }

    /// An error of the upstream, its body whole. The connection is free afterwards.
    func failure(_ response: consuming UpstreamResponse) async throws -> UpstreamError {
        let connection = response.lease.connection
        let body = if let read = response.body { read } else { (try? await registry.collect(connection)) ?? [] }
        let range = connection.head.string("content-range")
        return UpstreamError(status: response.status, body: body, retryAfter: connection.retryAfter, contentRange: range)
    }

    /// The upstream's error, in the client's words.
    func error(_ failure: UpstreamError) -> ErrorResponse {
        record.reason = failure.message
        return failure.response(to: request, upstreamRepository: route.upstreamRepository)
    }
}
