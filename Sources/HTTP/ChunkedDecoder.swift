/// Takes the payload out of a chunked body (RFC 9112 7.1) as its pieces come. Extensions and trailers are dropped; both are
/// bounded, since nothing else bounds them.
public struct ChunkedDecoder: Sendable {
    private enum State {
        case size, `extension`, sizeLineFeed, payload, payloadReturn, payloadLineFeed, trailer, trailerLineFeed, done
    }

    private var state = State.size
    private var remaining = 0
    private var digits = 0
    /// Bytes of extensions of this chunk, or of the trailer section.
    private var overhead = 0
    private var trailerLineIsEmpty = true

    /// Bytes of extensions a chunk, and of trailers a body. No registry client sends either.
    private static let overheadAtMost = 4 << 10
    /// 2⁶⁰ bytes in one chunk are more than there are.
    private static let digitsAtMost = 15

    public init() {}

    public var isDone: Bool { state == .done }

    /// Moves the payload to the front of `buffer` and returns its length, and how many bytes were taken: fewer than all only
    /// when the body's end lies before the buffer's.
    public mutating func decode(_ buffer: UnsafeMutableRawBufferPointer) throws(HeadError) -> (payload: Int, taken: Int) {
        var at = 0
        var payload = 0
        while at < buffer.count, state != .done {
            if state == .payload {
                let count = min(remaining, buffer.count - at)
                if payload != at, let base = buffer.baseAddress { (base + payload).copyMemory(from: base + at, byteCount: count) }
                payload += count
                at += count
                remaining -= count
                if remaining == 0 { state = .payloadReturn }
                continue
            }
            try step(buffer[at])
            at += 1
        }
        return (payload, at)
    }

    private mutating func step(_ byte: UInt8) throws(HeadError) {
        switch state {
        case .size:
            if let digit = hexadecimal(byte) {
                guard digits < Self.digitsAtMost else { throw .badChunk }
                remaining = remaining << 4 | digit
                digits += 1
            } else {
                guard digits > 0 else { throw .badChunk }
                try afterSize(byte)
            }
        case .extension:
            overhead += 1
            guard overhead <= Self.overheadAtMost else { throw .badChunk }
            if byte == 13 {
                state = .sizeLineFeed
            } else if byte < 32 && byte != 9 || byte == 127 {
                throw .badChunk
            }
        case .sizeLineFeed:
            guard byte == 10 else { throw .badChunk }
            (digits, overhead, trailerLineIsEmpty) = (0, 0, true)
            state = remaining == 0 ? .trailer : .payload
        case .payloadReturn:
            guard byte == 13 else { throw .badChunk }
            state = .payloadLineFeed
        case .payloadLineFeed:
            guard byte == 10 else { throw .badChunk }
            state = .size
        case .trailer:
            overhead += 1
            guard overhead <= Self.overheadAtMost else { throw .trailerTooLarge }
            if byte == 13 {
                state = .trailerLineFeed
            } else {
                guard byte >= 32 && byte != 127 || byte == 9 else { throw .badChunk }
                trailerLineIsEmpty = false
            }
        case .trailerLineFeed:
            guard byte == 10 else { throw .badChunk }
            state = trailerLineIsEmpty ? .done : .trailer
            trailerLineIsEmpty = true
        case .payload, .done: break
        }
    }

    private mutating func afterSize(_ byte: UInt8) throws(HeadError) {
        switch byte {
        case 13: state = .sizeLineFeed
        case UInt8(ascii: ";"), 32, 9: state = .extension
        default: throw .badChunk
        }
    }
}

private func hexadecimal(_ byte: UInt8) -> Int? {
    switch byte {
    case 48...57: Int(byte) - 48
    case 65...70: Int(byte) - 55
    case 97...102: Int(byte) - 87
    default: nil
    }
}
