import Configuration
import AWS
import HTTP
import HTTPServer
import Registry
import Transport

/// What the upstream said to a question of Berth's own.
struct UpstreamReply {
    let status: Int
    /// Empty where it is not readable.
    let body: [UInt8]
    let isReadable: Bool
    let link: [UInt8]?
    let location: [UInt8]?
    /// `OCI-Filters-Applied`.
    let isFiltered: Bool

    /// What came in a coding that was not asked for is not read.
    init(_ head: Head, body: [UInt8]) {
        status = head.status
        isReadable = !head.isEncoded || body.isEmpty
        self.body = isReadable ? body : []
        (link, location) = (head.value(of: .link).map(Array.init), head.value(of: .location).map(Array.init))
        isFiltered = head.string("oci-filters-applied") != nil
    }
}

/// Questions that Berth asks in the course of an exchange, to answer one that the upstream does not answer itself, or not so.
extension Forwarding {
    private static let maxTries = 4

    /// A token that is refused is replaced, and a connection that had been closed too, as for a client's own request.
    /// - Parameters:
    ///   - target: path and query there.
    ///   - limit: of the answer's body, in bytes; past it the answer is an error of the upstream's.
    func ask(_ method: Method, _ target: [UInt8], accept: StaticString? = nil, upTo limit: Int) async throws -> UpstreamReply {
        for number in 1...Self.maxTries {
            let token = try await token()
            let upstream = try await connect(fresh: number > 1)
            let reply: UpstreamReply
            do {
                try await question(method, target, token: token, accept: accept, on: upstream)
                reply = UpstreamReply(upstream.head, body: try await collect(upstream, upTo: limit))
            } catch let error as RelayError {
                upstream.stream.close()
                guard upstream.isReused, !upstream.hasAnswered, !error.isStall, !request.connection.isAbandoned else { throw error }
                continue
            }
            bench.pool.put(upstream)
            if let reason = try await refusal(of: token, in: reply) {
                note(token, refusedAs: reason)
                continue
            }
            bench.tokenServed(route.upstream)
            guard reply.isReadable || reply.status >= 400 else {
                throw Refusal(
                    .unavailable, "The upstream registry's answer came in a coding that was not asked for.", status: 502,
                    retryAfter: 1)
            }
            return reply
        }
        throw Refusal(.unavailable, "The upstream registry keeps refusing the gateway's token.", status: 502, retryAfter: 30)
    }

    /// nil: the token was taken.
    private func refusal(of token: AuthorizationToken, in reply: UpstreamReply) async throws -> TokenRefusal.Reason? {
        if reply.isReadable { return TokenRefusal.of(reply) }
        switch TokenRefusal.judge(status: reply.status, method: .head) {
        case .yes(let reason): return reason
        case .unclear(let reason): return try await isRefused(token) ? reason : nil
        case .no, .inBody: return nil
        }
    }

    /// A request without a body, and its answer's head.
    private func question(
        _ method: Method, _ target: [UInt8], token: AuthorizationToken, accept: StaticString? = nil, on upstream: UpstreamConnection
    ) async throws {
        var bytes: [UInt8] = []
        bytes.append(method.token)
        bytes.append(" ")
        bytes += target
        bytes.append(" HTTP/1.1\r\n")
        bytes.appendField("Host", route.upstream.origin.fieldValue)
        bytes.append(UpstreamRequest.asItIs)
        bytes.appendField("Authorization", token.fieldValue)
        if let accept { bytes.appendField("Accept", accept.utf8Bytes) }
        if method == .post { bytes.append("Content-Length: 0\r\n") }
        bytes.append("\r\n")
        do {
            try await upstream.stream.write(bytes, timeout: site.timeouts.stall)
            upstream.requestIsWhole()
            try await upstream.readHead(toHead: false, scratch: scratch, timeout: site.timeouts.response)
        } catch { throw RelayError(side: .upstream, cause: error) }
    }
}

/// Is it the token? Asked before a body that cannot be sent twice, and where an answer does not tell.
extension Forwarding {
    /// An upload cannot be taken back from the wire, so its token is asked about first, unless the upstream has just shown it good.
    var needsProof: Bool {
        guard !isWhole, !bench.tokenServedLately(route.upstream) else { return false }
        if case .length(let count) = request.head.framing { return count > Relay.maxKept }
        return true
    }

    /// Asks the registry with `GET /v2/`, which needs nothing but a token. What else than a refusal it answers (429, 503) says nothing of
    /// the token: the request itself then gets the upstream's own answer.
    func isRefused(_ token: AuthorizationToken) async throws -> Bool {
        let upstream = try await connect(fresh: true)
        do {
            try await question(.get, Array("/v2/".utf8), token: token, on: upstream)
        } catch {
            upstream.stream.close()
            throw error
        }
        let status = upstream.head.status
        if status == 200 { bench.tokenServed(route.upstream) }
        await dispose(upstream)
        return [400, 401, 403].contains(status)
    }
}
