import HTTP
import HTTPServer
import Registry
import Telemetry
import Transport

/// The response of an exchange to its client, and the only way to send one. Throws the client's failures, and those of the upstream whose
/// body it relays.
struct ResponseWriter {
    let client: ClientSide
    let record: ExchangeRecord
    private let worker: WorkerUpstreams

    init(_ client: ClientSide, record: ExchangeRecord, worker: WorkerUpstreams) {
        (self.client, self.record, self.worker) = (client, record, worker)
    }

    private var request: Request { client.request }

    /// The head has gone out: what fails from now on can only end the connection.
    var hasStarted: Bool { request.responseBodySent != nil }
    /// Bytes of the response's body that have been sent, with their framing; nil: the response has not started.
    var bodySent: Int? { request.responseBodySent }

    private var requestIDField: (String, String) { ("Berth-Request-Id", String(decoding: record.requestID, as: UTF8.self)) }

    // MARK: Berth's own responses

    /// - Parameter body: left out where the request is HEAD.
    func respond(_ status: Int, fields: [(String, String)], body: [UInt8] = []) async throws {
        record.status = status
        do { try await request.respond(status, fields: fields + [requestIDField], body: body) } catch {
            throw ConnectionFailure(.client, error)
        }
    }

    /// To HEAD.
    /// - Parameter length: bytes of the body that GET would have.
    func respondToHead(_ status: Int, fields: [(String, String)], length: Int) async throws {
        record.status = status
        do { try await request.begin(status, fields: fields + [requestIDField], length: length) } catch {
            throw ConnectionFailure(.client, error)
        }
    }

    func respond(with error: ErrorResponse) async throws {
        let id = String(decoding: record.requestID, as: UTF8.self)
        try await respond(error.error.status, fields: error.fields, body: error.error.json(requestID: id))
    }

    // MARK: An upstream's response

    /// Sends an upstream's response: what `head` makes of its head, and its body.
    /// - Parameters:
    ///   - status: nil: the upstream's.
    ///   - body: the body, where it has been read whole.
    func pass(_ upstream: UpstreamConnection, _ head: ResponseHead, status: Int? = nil, body: [UInt8]? = nil) async throws {
        let (headCount, framing) = writeHead(upstream.head, head, status: status, collected: body?.count)
        let isChunked = framing == .chunked
        let output = client.output
        if let body {
            output.append(body)
        } else {
            try Relay.appendReady(of: upstream, through: client.scratch, chunked: isChunked, to: output)
        }
        request.startResponse(headCount: headCount)
        if let rest = try client.begin(client.output) { try await client.write(rest) }
        if body == nil { try await passRest(of: upstream, chunked: isChunked) }
    }

    /// Sends an upstream's response that has been read whole.
    /// - Parameter body: nil: the response to HEAD has none.
    func pass(_ upstream: Head, _ head: ResponseHead, body: [UInt8]?) async throws {
        let (headCount, _) = writeHead(upstream, head, status: nil, collected: body?.count)
        if let body { client.output.append(body) }
        request.startResponse(headCount: headCount)
        if let rest = try client.begin(client.output) { try await client.write(rest) }
    }

    /// - Returns: the head's bytes in the output, and how the body follows.
    private func writeHead(_ upstream: Head, _ head: ResponseHead, status: Int?, collected: Int?) -> (
        Int, ResponseHeadWriter.Framing
    ) {
        let status = status ?? upstream.status
        let framing = ResponseFraming(upstream, status: status, collected: collected, toVersion11: request.head.isVersion11)
        if framing.endsConnection || request.hasUnreadBody { request.closeAfterResponse() }
        record.status = status
        let writer = ResponseHeadWriter(status: status, into: client.output)
        head.write(upstream, copiesLength: framing.framing == .asCopied, to: writer)
        writer.field("Berth-Request-Id", hexadecimal: record.trace.span)
        // RFC 9110 6.6.1: a date is written where the upstream does not say one.
        let date = !upstream.has(.date) ? client.stream.loop.date.now() : nil
        return (writer.finish(framing.framing, date: date, connection: request.connectionField()), framing.framing)
    }

    /// The rest of a body whose head the client has, and nothing else.
    func passRest(of upstream: UpstreamConnection, chunked: Bool = false) async throws {
        guard !upstream.isBodyDone else { return }
        try await relay(upstream).response(chunked: chunked)
    }

    /// The end of a body of which nothing is left.
    func end(chunked: Bool) async throws {
        if chunked { try await client.write(Array("0\r\n\r\n".utf8)) }
    }

    // MARK: A response whose body comes from elsewhere

    /// Begins a response. The caller sends the rest of its body by the client's stream.
    /// - Parameters:
    ///   - length: bytes of the body; nil: the response has none.
    ///   - first: the first bytes of the body, which leave with the head. Not of a response to HEAD.
    /// - Returns: what the socket has not taken at once, to be written before anything else; nil: nothing.
    func begin(_ status: Int, length: Int?, first: UnsafeRawBufferPointer, _ fields: (ResponseHeadWriter) -> Void)
        throws(ConnectionFailure) -> [UInt8]?
    {
        if request.hasUnreadBody { request.closeAfterResponse() }
        record.status = status
        let writer = ResponseHeadWriter(status: status, into: client.output)
        fields(writer)
        writer.field("Berth-Request-Id", hexadecimal: record.trace.span)
        let count = writer.finish(
            length.map { .length($0) } ?? .none, date: client.stream.loop.date.now(), connection: request.connectionField())
        client.output.append(first)
        request.startResponse(headCount: count)
        return try client.begin(client.output)
    }

    /// Says how far a large body has come that the caller sends.
    func advance(remaining: Int) {
        let sent = bodySent ?? 0
        if let transfer = record.transfer { return transfer.advance(to: sent) }
        Relay.begin(record, at: sent, remaining: remaining, in: worker.transfers)
    }

    private func relay(_ upstream: UpstreamConnection) -> Relay {
        Relay(client: client, upstream: upstream, record: record, transfers: worker.transfers)
    }
}
