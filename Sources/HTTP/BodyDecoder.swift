/// Takes the framing off a body and finds its end. Works in place, on the buffer that the bytes were read into. Not copied: it is asked for its end
/// several times a request.
package struct BodyDecoder: ~Copyable, Sendable {
    /// Bytes still to come; nil: the framing does not say.
    package private(set) var remainingLength: Int?
    /// Of a chunked body.
    private var chunks: ChunkedDecoder?

    /// At the start of a body of this framing.
    package init(_ framing: BodyFraming) {
        switch framing {
        case .none: remainingLength = 0
        case .length(let count): remainingLength = count
        case .chunked: chunks = ChunkedDecoder()
        case .untilClose: break
        }
    }

    /// The whole body has been decoded.
    package var isDone: Bool {
        if let remainingLength { return remainingLength == 0 }
        return chunks?.isDone ?? false
    }

    /// The end of the connection may end this body; for any other framing it truncates the body.
    package var mayEndWithConnection: Bool { isDone || (remainingLength == nil && chunks == nil) }

    /// Moves the payload to the front of `buffer`.
    /// - Returns: the payload's length, and how many bytes of the buffer belonged to this body, with its framing.
    package mutating func decode(_ buffer: UnsafeMutableRawBufferPointer) throws(HeadError) -> (payload: Int, taken: Int) {
        if let length = remainingLength {
            let taken = min(length, buffer.count)
            remainingLength = length - taken
            return (taken, taken)
        }
        return try chunks?.decode(buffer) ?? (buffer.count, buffer.count)
    }
}
