import Crypto
package import HTTP
package import Transport

/// A request and the response to it. One object per connection, reused from request to request.
package final class Request {
    /// The request's head. Overwritten by the next request's.
    package let head = Head()
    /// Outlives the request, which is a part of it: no count says so.
    package unowned(unsafe) let connection: ServerConnection
    /// The connection's.
    package let stream: SocketStream
    private let reader: MessageReader

    /// `100 Continue` was asked for and not sent yet.
    private var isContinuePending = false
    /// How the rest of the response's body is framed, from `begin` to `end`.
    private var responseFraming = BodyFraming.none
    /// What the stream will have sent when the response's head has gone out; nil: the response has not started.
    private var bodyStart: Int?
    /// No other response can follow this one on the connection.
    private var closes = false
    /// From the request's head until `finish` has read the last of the body.
    private(set) var isOpen = false

    init(_ connection: ServerConnection) { (self.connection, stream, reader) = (connection, connection.stream, connection.reader) }

    /// A new head has been read into `head`.
    func begin() {
        reader.beginBody(head.framing)
        isContinuePending = head.expectsContinue && !reader.isBodyDone
        closes = !head.keepsAlive
        responseFraming = .none
        bodyStart = nil
        isOpen = true
    }

    /// Of the request line.
    package var method: Method { head.method }
    /// The path as sent, percent-encoded.
    package var path: String { String(decoding: head.target.prefix { $0 != UInt8(ascii: "?") }, as: UTF8.self) }
    /// What follows the question mark, as sent; nil: there is none.
    package var query: String? {
        head.target.firstIndex(of: UInt8(ascii: "?")).map { String(decoding: head.target[($0 + 1)...], as: UTF8.self) }
    }
    /// A request field by any name, in any case: its values joined with a comma. nil: absent.
    package func field(_ name: String) -> String? { head.string(name) }

    // MARK: The body

    /// Bytes of the body read so far, with its framing.
    package var bodyReceived: Int { reader.bodyReceived }
    /// Payload of the body that has not been read yet; nil: not known.
    package var bodyRemaining: Int? { reader.remainingLength }
    /// The end of the body has not been read.
    package var hasUnreadBody: Bool { isOpen && !reader.isBodyDone }
    /// The client waits for `100 Continue` before it sends the body (RFC 9110 10.1.1).
    package var awaitsContinue: Bool { isContinuePending && !reader.hasBufferedInput }

    /// Sends `100 Continue` to a client that waits for it; once, and not to one that already sends its body.
    package func sendContinue() async throws {
        guard isContinuePending else { return }
        isContinuePending = false
        guard !reader.hasBufferedInput else { return }
        try await stream.write(Array("HTTP/1.1 100 Continue\r\n\r\n".utf8), timeout: connection.settings.stallTimeout)
    }

    /// Reads payload that is there now. What comes after the body stays with the connection.
    /// - Throws: as `MessageReader.tryRead`.
    package func tryRead(into buffer: UnsafeMutableRawBufferPointer) throws -> BodyProgress { try reader.tryRead(into: buffer) }

    /// Reads the next piece of the payload, of at most `count` bytes; empty at the end. Sends `100 Continue` first where the client waits for it.
    package func read(upTo count: Int) async throws -> [UInt8] {
        if awaitsContinue { try await sendContinue() }
        let buffer = UnsafeMutableRawBufferPointer(rebasing: connection.scratch.prefix(count))
        let loop = stream.loop
        if loop.isTurnOver { await loop.nextTurn() }
        while true {
            switch try tryRead(into: buffer) {
            case .payload(let payload): return [UInt8](UnsafeRawBufferPointer(rebasing: buffer.prefix(payload)))
            case .end: return []
            case .wantsRead: try await stream.waitUntilReadable(timeout: connection.settings.stallTimeout)
            case .wantsWrite: try await stream.waitUntilWritable(timeout: connection.settings.stallTimeout)
            }
        }
    }

    /// Reads the whole payload when it has at most `limit` bytes; nil when it has more. A length that is too large is refused before the client
    /// is told to send the body.
    package func collect(upTo limit: Int) async throws -> [UInt8]? {
        if case .length(let count) = head.framing, count > limit { return nil }
        if awaitsContinue { try await sendContinue() }
        return try await reader.collect(upTo: limit, scratch: connection.scratch, timeout: connection.settings.stallTimeout)
    }

    // MARK: The response

    /// Bytes of an unread body that are read and dropped to keep the connection. Past it, closing is cheaper.
    private static let maxDiscardedBytes = 64 << 10

    /// Another request may follow the response that is about to be written.
    package var keepsAlive: Bool {
        guard !closes, !connection.isDraining, !connection.isRetiring, !awaitsContinue else { return false }
        return reader.isBodyDone || (reader.remainingLength ?? .max) <= Self.maxDiscardedBytes
    }

    /// The whole `Connection` line of the response's head, or nothing. `Connection: close` commits to closing after this response. HTTP/1.0 clients
    /// are told when the connection persists (RFC 9112 9.3).
    package func connectionField() -> StaticString {
        guard keepsAlive else {
            closes = true
            return "Connection: close\r\n"
        }
        return head.isVersion11 ? "" : "Connection: keep-alive\r\n"
    }

    /// Closes the connection after this response, which ends with the connection or is incomplete.
    package func closeAfterResponse() { closes = true }

    /// Sends a whole response. Adds `Date`, `Content-Length`, and `Connection` where needed; leaves out the body for HEAD.
    package func respond(_ status: Int, fields: [(String, String)] = [], body payload: [UInt8] = []) async throws {
        let output = writeHead(status, fields: fields, length: payload.count)
        // In one write with its head: each wakes the client.
        if responseFraming != .none { output.append(payload) }
        responseFraming = .none
        try await send(output)
    }

    /// Sends the head of a response whose body follows by `send`.
    /// - Parameter length: of the body; nil: chunked, or to the connection's end for HTTP/1.0.
    package func begin(_ status: Int, fields: [(String, String)] = [], length: Int?) async throws {
        try await send(writeHead(status, fields: fields, length: length))
    }

    private func writeHead(_ status: Int, fields: [(String, String)], length: Int?) -> OutputBuffer {
        let output = stream.loop.output
        let response = ResponseHeadWriter(status: status, into: output)
        // The sandbox sets its own Date.
        if !fields.contains(where: { $0.0 == "Date" }) { response.field("Date", stream.loop.date.now()) }
        response.fields(fields)
        let hasBody = status >= 200 && status != 204 && status != 304
        let framing: ResponseHeadWriter.Framing
        if !hasBody {
            (framing, responseFraming) = (.none, .none)
        } else if let length {
            (framing, responseFraming) = (.length(length), length == 0 ? .none : .length(length))
        } else if head.isVersion11 {
            (framing, responseFraming) = (.chunked, .chunked)
        } else {
            (framing, responseFraming) = (.untilClose, .untilClose)
            closes = true
        }
        if head.method == .head { responseFraming = .none }
        startResponse(headCount: response.finish(framing, date: nil, connection: connectionField()))
        return output
    }

    /// A head of `headCount` bytes is about to be written to the stream, by `begin` or by somebody who writes the response there themselves.
    package func startResponse(headCount: Int) { bodyStart = stream.sent + headCount }

    /// Bytes of the response's body that have been sent, with their framing; nil: the response has not started.
    package var responseBodySent: Int? { bodyStart.map { max(0, stream.sent - $0) } }

    /// Sends a piece of the response's body, unless the response has none (HEAD).
    package func send(_ piece: [UInt8]) async throws {
        guard responseFraming != .none, !piece.isEmpty else { return }
        if case .length(let rest) = responseFraming {
            guard piece.count <= rest else { preconditionFailure("a response body is longer than its Content-Length") }
            responseFraming = piece.count == rest ? .none : .length(rest - piece.count)
        }
        let output = stream.loop.output
        output.removeAll()
        let isChunked = responseFraming == .chunked
        if isChunked { output.appendChunkSize(piece.count) }
        output.append(piece)
        if isChunked { output.append("\r\n") }
        try await send(output)
    }

    /// Ends the response's body. To be called once, after the last `send`.
    package func end() async throws {
        if responseFraming == .chunked {
            try await stream.write(Array("0\r\n\r\n".utf8), timeout: connection.settings.stallTimeout)
            responseFraming = .none
        }
    }

    private func send(_ output: OutputBuffer) async throws {
        guard let rest = try stream.begin(output.bytes) else { return }
        try await stream.write(rest, timeout: connection.settings.stallTimeout)
    }

    /// Resets the connection at once, so that the client cannot take what it has got for the whole.
    package func abort() {
        closes = true
        stream.reset()
    }

    /// The response is complete, and another request may follow once the body of this one has been read.
    var mayContinue: Bool {
        !closes && responseFraming == .none && stream.isOpen && !awaitsContinue
            && (reader.isBodyDone || !connection.isDraining)
    }

    /// Ends the request.
    /// - Returns: false: its body is still to be discarded.
    func finish() -> Bool {
        isContinuePending = false  // after the final response, the client would take 100 for the next request's
        if reader.isBodyDone { isOpen = false }
        return !isOpen
    }

    /// Reads what is left of the body. false: it is too much, and the connection must be closed.
    func discardBody() async -> Bool {
        var discarded = 0
        while !reader.isBodyDone {
            guard discarded <= Self.maxDiscardedBytes, let piece = try? await read(upTo: Self.maxDiscardedBytes) else {
                return false
            }
            discarded += piece.count
        }
        isOpen = false
        return true
    }
}
