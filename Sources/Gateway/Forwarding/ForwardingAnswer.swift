import Configuration
import AWS
import HTTP
import HTTPServer
import Registry
import Transport

/// What the upstream answers, read and handed on: a refusal of the token, a redirect, or what the client is to have.
extension Forwarding {
    /// Whether the answer refuses the token, and the answer's body where it had to be read to know.
    func judge(_ upstream: UpstreamConnection, _ token: AuthorizationToken) async throws -> (
        TokenRefusal.Reason?, body: [UInt8]?
    ) {
        // A body that came encoded, though it was asked for as it is, tells no more than none.
        let method = upstream.head.isEncoded ? .head : isProbe ? .get : request.method
        var judgement = TokenRefusal.judge(status: upstream.head.status, method: method)
        var body: [UInt8]?
        if judgement == .inBody {
            let whole = try await collect(upstream)
            body = whole
            judgement = TokenRefusal.judge(status: upstream.head.status, body: whole)
        }
        switch judgement {
        case .yes(let reason): return (reason, body)
        // The answer is kept for the client: the question goes over another connection.
        case .unclear(let reason): return (try await isRefused(token) ? reason : nil, body)
        case .no, .inBody: return (nil, body)
        }
    }

    /// What a redirect comes to; nil: the answer is none, or one that this client follows itself. Only a blob's leads out of the registry:
    /// any other would carry the client, and its login perhaps, past Berth.
    func redirect(_ head: Head) throws -> Outcome? {
        guard (300..<400).contains(head.status), head.status != 304 else { return nil }
        if call.operation == .blobHead, !isProbe {
            // Storage refuses HEAD where the URL is for GET (ECR 1.4): the registry is asked again, for the first byte.
            headIsRedirected = true
            return .again
        }
        guard call.operation == .blobGet || isProbe, case .blob(_, let digest) = call.endpoint,
            [301, 302, 303, 307, 308].contains(head.status), let location = head.value(of: .location)
        else {
            let there = head.value(of: .location).flatMap { Redirect($0, connectTo: site.connectTo) }
            exchange.record.reason =
                "the registry answered with status \(head.status)\(there.map { ", redirecting to \($0.origin)" } ?? "")"
            throw Refusal(
                .unavailable, "The upstream registry redirects this request, which the gateway does not follow.", status: 502)
        }
        let redirect = try exchange.follow(location, of: route.upstream, site)
        return route.upstream.redirects(exchange.record.client) && !isProbe && !exchange.hasAnswered
            ? nil : .redirect(redirect, digest)
    }

    func collect(_ upstream: UpstreamConnection, upTo limit: Int = TokenRefusal.maxBody) async throws -> [UInt8] {
        do {
            guard let body = try await upstream.collect(upTo: limit, scratch: scratch, timeout: site.timeouts.stall) else {
                throw TransportError(.system, call: "collect", reason: "an answer of the upstream is larger than \(limit) bytes")
            }
            return body
        } catch { throw RelayError(side: .upstream, cause: error) }
    }

    /// An answer nobody needs: read to its end when it is short, so that the connection can be used again.
    func dispose(_ upstream: UpstreamConnection) async {
        let body = try? await upstream.collect(upTo: TokenRefusal.maxBody, scratch: scratch, timeout: site.timeouts.stall)
        if body == nil { upstream.stream.close() } else { bench.pool.put(upstream) }
    }

    /// Held while the client takes it, so not for those that only an attacker would make; the specification lets them go unnamed.
    private static let maxManifestToName = 256 << 10

    /// A manifest asked for by its tag, whole, where ECR does not say its digest (ECR 1.3): it is then named by its bytes. nil: it passes
    /// as it comes.
    func manifestToName(_ upstream: UpstreamConnection, body: [UInt8]?) async throws -> [UInt8]? {
        let head = upstream.head
        guard body == nil, call.operation == .manifestGet, head.status == 200, !head.isEncoded,
            head.value(of: .dockerContentDigest) == nil,
            case .manifest(_, .tag) = call.endpoint
        else { return body }
        guard case .length(let count) = head.framing, count <= Self.maxManifestToName else { return nil }
        return try await collect(upstream, upTo: count)
    }

    /// An error's body, after which the connection is free.
    func errorBody(of upstream: UpstreamConnection, collected: [UInt8]?) async throws -> [UInt8] {
        var body = collected ?? []
        if collected == nil { body = try await collect(upstream) }
        if upstream.isReusable { bench.pool.put(upstream) } else { upstream.stream.close() }
        return body
    }

    /// The upstream's error, in the client's words.
    func refusal(_ status: Int, _ body: [UInt8], retryAfter: Int? = nil) -> Refusal {
        // What is no error and no answer either is the upstream's failure.
        let isError = status >= 400
        let status = isError ? status : 502
        let answer = UpstreamError(status: status, body: isError ? body : [])
        exchange.record.reason = answer.message
        if status == 416, let taken = answer.bytesTaken {
            return outOfOrder(
                UploadState(offset: taken, endsShort: false), "The chunk does not begin at byte \(taken), where the last one ended."
            )
        }
        return Refusal(
            answer.error(to: call, upstreamRepository: route.upstreamRepository),
            retryAfter: retryAfter ?? (status == 429 || status >= 500 ? 1 : nil))
    }

    /// The upstream's answer, to the client.
    func pass(_ upstream: UpstreamConnection, body collected: [UInt8]?) async throws {
        guard !exchange.hasAnswered else { return try await resume(upstream) }
        let head = upstream.head
        // ECR says 201 to a chunk where the specification says 202, and strict clients stop there (ECR 1.5).
        let status = call.operation == .uploadChunk && (200...204).contains(head.status) ? 202 : head.status
        let framing = ResponseFraming(head, status: status, collected: collected, toVersion11: request.head.isVersion11)
        if framing.endsConnection || request.hasUnreadBody { request.closeAfterResponse() }
        exchange.record.status = status
        var bytes = bench.takeHeadBuffer()
        bytes.removeAll(keepingCapacity: true)
        let answer = ClientAnswer(
            head: head, status: status, body: framing.body, requestID: exchange.record.requestID,
            date: request.connection.stream.loop.date.now(), connectionField: request.connectionField())
        let rewriting = route.rewriting(publicURL: site.doors[exchange.record.listener].publicURL)
        answer.registryHead(into: &bytes, fields: specifiedFields(head, rewriting, body: collected), rewriting: rewriting)
        let headCount = bytes.count
        if let collected {
            bytes += collected
        } else {
            try relay.appendReady(from: upstream, chunked: framing.isChunked, to: &bytes)
        }
        exchange.hasAnswered = true
        delivery?.promise(by: head)
        delivery?.deliver(bytes.count - headCount)
        do { try await relay.write(bytes, to: request.connection.stream, .client) } catch {
            bench.returnHeadBuffer(&bytes)
            throw error
        }
        // Not held while the body goes out, which may take hours.
        bench.returnHeadBuffer(&bytes)
        try await rest(of: upstream, chunked: framing.isChunked, isCollected: collected != nil)
        bench.pool.put(upstream)
    }

    private func rest(of upstream: UpstreamConnection, chunked: Bool, isCollected: Bool = false) async throws {
        let client = request.connection.stream, before = client.sent
        defer { delivery?.deliver(client.sent - before) }
        guard !isCollected, !upstream.isBodyDone else { return }
        try await relay.answer(from: upstream, chunked: chunked)
    }

    /// The rest of a blob that the registry serves itself, and nothing else: the client has the head.
    private func resume(_ upstream: UpstreamConnection) async throws {
        guard delivery?.isResumed(by: upstream.head) == true else {
            let reason = "the registry answered the rest of a broken transfer with status \(upstream.head.status)"
            throw RelayError(side: .upstream, cause: TransportError(.closed, call: "resume", reason: reason))
        }
        try await rest(of: upstream, chunked: false)
        bench.pool.put(upstream)
    }
}
