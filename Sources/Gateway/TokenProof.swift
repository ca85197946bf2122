import AWS
import HTTP
import Transport

/// Is it the token? Asked before a body that cannot be sent twice, and where an answer does not tell.
extension Forwarding {
    /// An upload cannot be taken back from the wire, so its token is asked about first, unless the upstream has just shown it good.
    var needsProof: Bool {
        guard !isWhole, !bench.tokenServedLately(route.upstream) else { return false }
        if case .length(let count) = request.head.framing { return count > Relay.keptAtMost }
        return true
    }

    /// Asks the registry with `GET /v2/`, which needs nothing but a token. What else than a refusal it answers (429, 503) says nothing of
    /// the token: the request itself then gets the upstream's own answer.
    func isRefused(_ token: AuthorizationToken) async throws -> Bool {
        var bytes: [UInt8] = []
        bytes.append("GET /v2/ HTTP/1.1\r\n")
        bytes.appendField("Host", route.upstream.origin.fieldValue)
        bytes.appendField("Authorization", token.fieldValue)
        bytes.append("\r\n")
        let upstream = try await connect(fresh: true)
        do {
            try await upstream.stream.write(bytes, timeout: site.timeouts.stall)
            upstream.requestIsWhole()
            try await upstream.readHead(toHead: false, scratch: scratch, timeout: site.timeouts.response)
        } catch {
            upstream.stream.close()
            throw RelayError(side: .upstream, cause: error)
        }
        let status = upstream.head.status
        if status == 200 { bench.tokenServed(route.upstream) }
        await dispose(upstream)
        return [400, 401, 403].contains(status)
    }
}
