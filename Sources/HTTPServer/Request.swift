package import HTTP
import Crypto
import Transport

/// A request and the answer to it. One object a connection, reused from request to request.
package final class Request {
    package let head = Head()
    /// Its connection outlives it: the request is a part of the connection.
    package unowned let connection: ServerConnection
    private let reader: MessageReader

    private var isContinuePending = false
    /// How the answer's body is framed, from `begin` to `end`.
    private var responseFraming = BodyFraming.none
    /// The answer cannot be followed by another one on this connection.
    private var closes = false
    private(set) var isOpen = false

    init(_ connection: ServerConnection) { (self.connection, reader) = (connection, connection.reader) }

    func begin() {
        reader.beginBody(head.framing)
        isContinuePending = head.expectsContinue && !reader.isBodyDone
        closes = !head.keepsAlive
        responseFraming = .none
        isOpen = true
    }

    package var method: Method { head.method }
    /// The path as it was sent, percent-encoded.
    package var path: String { String(decoding: head.target.prefix { $0 != UInt8(ascii: "?") }, as: UTF8.self) }
    /// What follows the question mark, as it was sent.
    package var query: String? {
        head.target.firstIndex(of: UInt8(ascii: "?")).map { String(decoding: head.target[($0 + 1)...], as: UTF8.self) }
    }
    package func field(_ name: String) -> String? { head.string(name) }

    // MARK: The body

    /// Bytes of the body so far, with its framing.
    package var bodyReceived: Int { reader.bodyReceived }
    package var hasUnreadBody: Bool { isOpen && !reader.isBodyDone }
    /// The client waits for `100 Continue` before it sends the body (RFC 9110 10.1.1).
    package var awaitsContinue: Bool { isContinuePending && !reader.hasBufferedInput }

    /// Lets a client that waits for it send its body.
    package func sendContinue() async throws {
        guard isContinuePending else { return }
        isContinuePending = false
        guard !reader.hasBufferedInput else { return }
        try await connection.stream.write(Array("HTTP/1.1 100 Continue\r\n\r\n".utf8), timeout: connection.settings.stallTimeout)
    }

    /// Payload that is there now. What comes after the body stays with the connection.
    package func tryRead(into buffer: UnsafeMutableRawBufferPointer) throws -> BodyProgress { try reader.tryRead(into: buffer) }

    /// The next piece of the payload, of at most `count` bytes; empty at the end.
    package func read(upTo count: Int) async throws -> [UInt8] {
        if awaitsContinue { try await sendContinue() }
        let room = UnsafeMutableRawBufferPointer(rebasing: connection.scratch.prefix(count))
        let loop = connection.stream.loop
        if loop.isTurnOver { await loop.nextTurn() }
        while true {
            switch try tryRead(into: room) {
            case .payload(let payload): return [UInt8](UnsafeRawBufferPointer(rebasing: room.prefix(payload)))
            case .end: return []
            case .wantsRead: try await connection.stream.waitUntilReadable(timeout: connection.settings.stallTimeout)
            case .wantsWrite: try await connection.stream.waitUntilWritable(timeout: connection.settings.stallTimeout)
            }
        }
    }

    /// The whole payload when it has at most `limit` bytes; nil when it has more.
    package func collect(upTo limit: Int) async throws -> [UInt8]? {
        if case .length(let count) = head.framing, count > limit { return nil }
        if awaitsContinue { try await sendContinue() }
        return try await reader.collect(upTo: limit, scratch: connection.scratch, timeout: connection.settings.stallTimeout)
    }

    // MARK: The answer

    /// An unread body of at most this size is passed over to keep the connection; past it, closing is cheaper.
    private static let passedOverBytes = 64 << 10

    /// Whether another request may follow the answer that is about to be written. Decides `Connection: close`.
    package var keepsAlive: Bool {
        guard !closes, !connection.isDraining, !awaitsContinue else { return false }
        return reader.isBodyDone || (reader.remainingLength ?? .max) <= Self.passedOverBytes
    }

    /// What the response's head has to say of the connection, which then is so: that it ends, or to HTTP/1.0, which takes silence for that,
    /// that it persists (RFC 9112 9.3).
    package func connectionField() -> StaticString {
        guard keepsAlive else {
            closes = true
            return "Connection: close\r\n"
        }
        return head.isVersion11 ? "" : "Connection: keep-alive\r\n"
    }

    /// The answer ends with the connection, or is unfinished: nothing may follow it.
    package func closeAfterResponse() { closes = true }

    /// A whole answer. `Content-Length`, and `Connection` where needed, are added; to HEAD the body is left out.
    package func respond(_ status: Int, fields: [(String, String)] = [], body payload: [UInt8] = []) async throws {
        try await begin(status, fields: fields, length: payload.count)
        try await send(payload)
        try await end()
    }

    /// The head of an answer whose body follows by `send`. `length` nil: chunked, or to the connection's end for HTTP/1.0.
    package func begin(_ status: Int, fields: [(String, String)] = [], length: Int?) async throws {
        var response = ResponseHeadWriter(status: status)
        // The sandbox has a clock of its own.
        if !fields.contains(where: { $0.0 == "Date" }) { response.field("Date", connection.stream.loop.date.now()) }
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
        try await write(response.finish(framing, date: nil, connection: connectionField()))
    }

    /// A piece of the answer's body. Left out where the answer has none (HEAD).
    package func send(_ piece: [UInt8]) async throws {
        guard responseFraming != .none, !piece.isEmpty else { return }
        if case .length(let rest) = responseFraming {
            guard piece.count <= rest else { preconditionFailure("an answer's body is longer than its Content-Length") }
            responseFraming = piece.count == rest ? .none : .length(rest - piece.count)
        }
        guard responseFraming == .chunked else { return try await write(piece) }
        var chunk: [UInt8] = []
        chunk.appendChunkSize(piece.count)
        chunk += piece
        chunk.append("\r\n")
        try await write(chunk)
    }

    package func end() async throws {
        if responseFraming == .chunked {
            try await write(Array("0\r\n\r\n".utf8))
            responseFraming = .none
        }
    }

    private func write(_ bytes: [UInt8]) async throws {
        try await connection.stream.write(bytes, timeout: connection.settings.stallTimeout)
    }

    /// Ends the connection at once with a reset: the client cannot take what it has got for the whole.
    package func abort() {
        closes = true
        connection.stream.reset()
    }

    /// Makes the connection ready for the next request. false: there can be none.
    func finish() async -> Bool {
        defer { if reader.isBodyDone { isOpen = false } }
        guard !closes, responseFraming == .none, connection.stream.isOpen, !awaitsContinue,
            reader.isBodyDone || !connection.isDraining
        else {
            return false
        }
        isContinuePending = false  // it has its answer: an interim one would be taken for the next request's
        var passedOver = 0
        while !reader.isBodyDone {
            guard passedOver <= Self.passedOverBytes, let piece = try? await read(upTo: Self.passedOverBytes) else { return false }
            passedOver += piece.count
        }
        return true
    }
}
