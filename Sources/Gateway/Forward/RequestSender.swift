import AWS
import HTTP
import HTTPServer

/// Sends a client's request to the registry: the head, what is held of the body, and the rest of it as it comes.
/// Functions, not a value of client and registry: to copy those costs more than the calls.
enum RequestSender {
    /// The client's body, before anything is sent: all of it, if it has at most `limit` bytes.
    static func readBody(of client: ClientSide, upTo limit: Int, _ policy: inout RetryPolicy) async throws -> ReplayBody {
        let start = ContinuousClock.now
        defer { policy.postpone(by: start.duration(to: .now)) }
        var bytes: [UInt8] = []
        while case let piece = try await client.read(upTo: client.scratch.count), !piece.isEmpty {
            bytes += piece
            if bytes.count > limit { break }
        }
        return client.request.hasUnreadBody ? .partial(bytes) : .whole(bytes)
    }

    /// Starts the request: its head, and what is held of its body.
    /// - Returns: what the socket did not take at once; nil: nothing.
    static func begin(
        _ requestHead: RequestHead, _ token: AuthorizationToken, _ body: ReplayBody, by registry: RegistryClient,
        on connection: UpstreamConnection
    ) throws(ConnectionFailure) -> [UInt8]? {
        let output = registry.output, framing = requestHead.head.framing
        requestHead.writeRegistryHead(
            into: output, to: registry.upstream.origin, token: token.fieldValue, trace: registry.record.trace,
            length: length(body, framing))
        let held = body.held
        if !held.isEmpty {
            let isChunked = isChunked(body, framing)
            if isChunked { output.appendChunkSize(held.count) }
            output.append(held)
            if isChunked { output.append("\r\n") }
        }
        return try connection.begin(output)
    }

    /// Sends the rest of the request's body. It ends early, without an error, when the upstream responds before it has all.
    static func end(
        _ body: inout ReplayBody, _ policy: inout RetryPolicy, _ client: ClientSide, _ registry: RegistryClient,
        _ connection: UpstreamConnection
    ) async throws {
        let start = ContinuousClock.now
        // What can be sent again is small: it comes slowly from the client, and goes to the upstream at once.
        defer { if body.canReplay { policy.postpone(by: start.duration(to: .now)) } }
        let isChunked = isChunked(body, client.request.head.framing)
        // Only now: the upstream is connected, and the token good.
        try await client.sendContinue()
        body.releaseLarge()
        let relay = Relay(client: client, upstream: connection, record: registry.record, transfers: registry.worker.transfers)
        try await relay.request(chunked: isChunked, body: &body)
    }

    private static func isChunked(_ body: ReplayBody, _ framing: BodyFraming) -> Bool { !body.isWhole && framing == .chunked }

    /// nil: chunked.
    private static func length(_ body: ReplayBody, _ framing: BodyFraming) -> Int? {
        switch framing {
        case .length(let count): count
        case .chunked: body.isWhole ? body.taken : nil
        case .none, .untilClose: 0
        }
    }
}
