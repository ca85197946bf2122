package import Crypto
package import HTTP
package import Transport

/// What a read of a body came to. The payload lies at the front of the buffer that was read into.
package enum BodyProgress {
    /// So many bytes of payload, at least 1.
    case payload(Int)
    /// The body is complete.
    case end
    /// Nothing is there now: wait until the stream is readable, or, with TLS, writable.
    case wantsRead, wantsWrite
}

/// Reads messages off a stream, one after the other: their heads, and their bodies without the framing. What has come beyond a message is kept
/// for the next one. Serves both sides: a client's requests and an upstream's responses. Confined to its stream's loop.
package final class MessageReader {
    private let stream: SocketStream
    private var head: HeadReader
    private var body = BodyDecoder(.none)
    /// Of the error thrown when the stream ends in the middle of a body.
    private let truncation: String

    /// Bytes that came off the socket since `beginMessage`, head and body, with what has come beyond the message.
    package private(set) var received = 0
    /// Bytes of the body since `beginBody`, with its framing, and none beyond it.
    package private(set) var bodyReceived = 0
    /// Payload since `beginBody`.
    package private(set) var payloadReceived = 0

    /// Bytes for which an emptied buffer is kept until the next message. Larger ones are rare, and would lie between the small objects of many
    /// connections: the allocator could then give none of their pages back.
    package static let keptCapacity = 8 << 10

    /// - Parameters:
    ///   - limits: the bounds of a head.
    ///   - truncation: the reason of the error when the stream ends in the middle of a body: who closed, and during what.
    package init(_ stream: SocketStream, limits: HeadLimits, truncation: String) {
        self.stream = stream
        head = HeadReader(limits: limits)
        self.truncation = truncation
    }

    // MARK: Buffered input

    /// Bytes have come that belong to no head or body read so far.
    package var hasBufferedInput: Bool { !head.input.isEmpty }
    /// The first of them.
    package var firstBufferedByte: UInt8? { head.input.bytes.first }

    /// Gives the buffer back. For a connection that becomes idle, with no input buffered.
    package func releaseBuffer() { head.input.trim(keeping: 0) }

    /// Gives a large buffer back that has nothing in it.
    package func releaseLargeBuffer() { head.input.trim(keeping: Self.keptCapacity) }

    // MARK: The head

    /// Starts counting `received` anew.
    package func beginMessage() { received = 0 }

    /// Moves the next head out of the buffered input.
    /// - Returns: false: more bytes are needed.
    package func tryTakeHead(_ head: Head, as kind: Head.Kind) throws(HeadError) -> Bool { try self.head.take(head, as: kind) }

    /// Drops an empty line before a request line (RFC 9112 2.2).
    package func skipEmptyLine() { head.skipEmptyLine() }

    /// Reads once, without waiting, into the buffered input: bytes of a head, and perhaps of what follows it.
    /// - Parameter scratch: as many bytes as may be read.
    package func tryReceive(through scratch: UnsafeMutableRawBufferPointer) throws(TransportError) -> IOProgress {
        let progress = try stream.tryRead(into: scratch)
        if case .bytes(let count) = progress { buffer(scratch, count) }
        return progress
    }

    /// The same, and waits for at least one byte. false: the stream has ended.
    package func receive(through scratch: UnsafeMutableRawBufferPointer, timeout: Duration) async throws -> Bool {
        let count = try await stream.read(into: scratch, timeout: timeout)
        buffer(scratch, count)
        return count > 0
    }

    private func buffer(_ scratch: UnsafeMutableRawBufferPointer, _ count: Int) {
        received += count
        head.input.append(UnsafeRawBufferPointer(rebasing: scratch.prefix(count)))
    }

    // MARK: The body

    /// What follows in the stream is a body of this framing.
    package func beginBody(_ framing: BodyFraming) {
        body = BodyDecoder(framing)
        bodyReceived = 0
        payloadReceived = 0
    }

    /// The end of the body has been read. Never for a body that ends with the connection.
    package var isBodyDone: Bool { body.isDone }
    /// Bytes of the body that are still to be read; nil: its framing does not say.
    package var remainingLength: Int? { body.remainingLength }

    /// Reads payload that is there now. What comes after the body stays buffered.
    /// - Throws: `HeadError` for malformed chunks; `TransportError` of kind `.closed` when the stream ends before the body.
    package func tryRead(into buffer: UnsafeMutableRawBufferPointer) throws -> BodyProgress {
        while !body.isDone {
            let target = UnsafeMutableRawBufferPointer(rebasing: buffer.prefix(body.remainingLength ?? buffer.count))
            let isBuffered = !head.input.isEmpty
            let count: Int
            if isBuffered {
                count = min(head.input.count, target.count)
                target.copyMemory(from: UnsafeRawBufferPointer(rebasing: head.input.bytes.prefix(count)))
                head.input.removeFirst(count)
            } else {
                switch try stream.tryRead(into: target) {
                case .bytes(let some): count = some
                case .wantsRead: return .wantsRead
                case .wantsWrite: return .wantsWrite
                case .end:
                    if body.mayEndWithConnection { return .end }
                    throw TransportError(.closed, call: "recv", reason: truncation)
                }
                received += count
            }
            let (payload, taken) = try body.decode(UnsafeMutableRawBufferPointer(rebasing: target.prefix(count)))
            bodyReceived += taken
            payloadReceived += payload
            if isBuffered {
                head.input.restore(count - taken)
                head.input.trim(keeping: Self.keptCapacity)
            } else if taken < count {
                head.input.append(UnsafeRawBufferPointer(rebasing: target[taken..<count]))
            }
            if payload > 0 { return .payload(payload) }
        }
        return .end
    }

    /// The whole body, where all of it has come, in the form in which it is; nil: it has not, or it has framing within. Stays to be read. Valid
    /// until the next call.
    package var arrivedBody: UnsafeRawBufferPointer? {
        guard let length = body.remainingLength, bodyReceived == 0, head.input.count >= length else { return nil }
        return UnsafeRawBufferPointer(rebasing: head.input.bytes.prefix(length))
    }

    /// Reads the whole payload when it has at most `limit` bytes; nil when it has more, and the rest is then unread.
    /// - Parameter timeout: without a byte moving.
    package func collect(upTo limit: Int, scratch: UnsafeMutableRawBufferPointer, timeout: Duration) async throws -> [UInt8]? {
        var all: [UInt8] = []
        if let length = body.remainingLength, length <= limit { all.reserveCapacity(length) }
        while true {
            if stream.loop.isTurnOver { await stream.loop.nextTurn() }
            switch try tryRead(into: scratch) {
            case .payload(let count):
                guard all.count + count <= limit else { return nil }
                all.append(contentsOf: UnsafeRawBufferPointer(rebasing: scratch.prefix(count)))
            case .end: return all
            case .wantsRead: try await stream.waitUntilReadable(timeout: timeout)
            case .wantsWrite: try await stream.waitUntilWritable(timeout: timeout)
            }
        }
    }
}
