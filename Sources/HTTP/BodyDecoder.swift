/// Follows a body to its end, whatever its framing. Works in place on whatever buffer its bytes were read into.
package struct BodyDecoder: Sendable {
    private enum Rest {
        case length(Int)
        case chunked(ChunkedDecoder)
        case untilClose
    }

    private var rest: Rest

    package init(_ framing: BodyFraming) {
        switch framing {
        case .none: rest = .length(0)
        case .length(let count): rest = .length(count)
        case .chunked: rest = .chunked(ChunkedDecoder())
        case .untilClose: rest = .untilClose
        }
    }

    package var isDone: Bool {
        switch rest {
        case .length(let count): count == 0
        case .chunked(let decoder): decoder.isDone
        case .untilClose: false
        }
    }

    /// The connection's end is the body's end too; for any other framing it is a truncation.
    package var mayEndWithConnection: Bool {
        if case .untilClose = rest { true } else { isDone }
    }

    /// Bytes still to come; nil: the framing does not say.
    package var remainingLength: Int? { if case .length(let count) = rest { count } else { nil } }

    /// Moves the payload to the front of `buffer` and returns its length, and how many bytes belonged to this body.
    package mutating func decode(_ buffer: UnsafeMutableRawBufferPointer) throws(HeadError) -> (payload: Int, taken: Int) {
        switch rest {
        case .length(let count):
            let taken = min(count, buffer.count)
            rest = .length(count - taken)
            return (taken, taken)
        case .chunked(var decoder):
            defer { rest = .chunked(decoder) }
            return try decoder.decode(buffer)
        case .untilClose:
            return (buffer.count, buffer.count)
        }
    }
}
