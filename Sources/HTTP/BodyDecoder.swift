/// Takes the framing off a body and finds its end. Works in place, on the buffer that the bytes were read into.
package struct BodyDecoder: Sendable {
    private enum Remainder {
        case length(Int)
        case chunked(ChunkedDecoder)
        case untilClose
    }

    private var remainder: Remainder

    /// At the start of a body of this framing.
    package init(_ framing: BodyFraming) {
        switch framing {
        case .none: remainder = .length(0)
        case .length(let count): remainder = .length(count)
        case .chunked: remainder = .chunked(ChunkedDecoder())
        case .untilClose: remainder = .untilClose
        }
    }

    /// The whole body has been decoded.
    package var isDone: Bool {
        switch remainder {
        case .length(let count): count == 0
        case .chunked(let decoder): decoder.isDone
        case .untilClose: false
        }
    }

    /// The end of the connection may end this body; for any other framing it truncates the body.
    package var mayEndWithConnection: Bool {
        if case .untilClose = remainder { true } else { isDone }
    }

    /// Bytes still to come; nil: the framing does not say.
    package var remainingLength: Int? { if case .length(let count) = remainder { count } else { nil } }

    /// Moves the payload to the front of `buffer`.
    /// - Returns: the payload's length, and how many bytes of the buffer belonged to this body, with its framing.
    package mutating func decode(_ buffer: UnsafeMutableRawBufferPointer) throws(HeadError) -> (payload: Int, taken: Int) {
        switch remainder {
        case .length(let count):
            let taken = min(count, buffer.count)
            remainder = .length(count - taken)
            return (taken, taken)
        case .chunked(var decoder):
            defer { remainder = .chunked(decoder) }
            return try decoder.decode(buffer)
        case .untilClose:
            return (buffer.count, buffer.count)
        }
    }
}
