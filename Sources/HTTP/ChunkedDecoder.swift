/// Takes the payload out of a chunked body (RFC 9112 7.1) as its pieces come. Drops extensions and trailers. Both are bounded, since nothing
/// else bounds them, and must follow the grammar: different parsers read blanks around a chunk's size or extensions (bad whitespace in
/// RFC 9112 7.1.1) and trailer lines that are not fields differently.
package struct ChunkedDecoder: Sendable {
    private enum State {
        case size, extensionName, extensionValue, quoted, quotedPair, afterQuoted, sizeLineFeed
        case payload, payloadReturn, payloadLineFeed, trailer, trailerLineFeed, done
    }

    private var state = State.size
    private var remaining = 0
    private var digits = 0
    /// Bytes of extensions of this chunk, or of the trailer section.
    private var overhead = 0
    /// The name or the value that is being read has at least one character.
    private var isTokenBegun = false
    /// The line of the trailer section that is being read.
    private var trailer: [UInt8] = []

    /// Bytes of extensions per chunk, and of trailers per body. No registry client sends either.
    private static let maxOverhead = 4 << 10
    /// Hexadecimal digits of a chunk's size: 2⁶⁰ bytes are more than any chunk has, and do not overflow.
    private static let maxDigits = 15

    /// At the start of a body.
    package init() {}

    /// The last chunk and the trailer section have been read.
    package var isDone: Bool { state == .done }

    /// Moves the payload to the front of `buffer`.
    /// - Returns: the payload's length, and how many bytes were taken: fewer than all only when the body ends before the buffer does.
    package mutating func decode(_ buffer: UnsafeMutableRawBufferPointer) throws(HeadError) -> (payload: Int, taken: Int) {
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
                guard digits < Self.maxDigits else { throw .badChunk }
                remaining = remaining << 4 | digit
                digits += 1
            } else {
                guard digits > 0 else { throw .badChunk }
                try endPart(byte)
            }
        case .extensionName, .extensionValue, .quoted, .quotedPair, .afterQuoted:
            overhead += 1
            guard overhead <= Self.maxOverhead else { throw .badChunk }
            try stepExtension(byte)
        case .sizeLineFeed:
            guard byte == 10 else { throw .badChunk }
            (digits, overhead) = (0, 0)
            state = remaining == 0 ? .trailer : .payload
        case .payloadReturn:
            guard byte == 13 else { throw .badChunk }
            state = .payloadLineFeed
        case .payloadLineFeed:
            guard byte == 10 else { throw .badChunk }
            state = .size
        case .trailer:
            overhead += 1
            guard overhead <= Self.maxOverhead else { throw .trailerTooLarge }
            guard byte >= 32 && byte != 127 || byte == 9 || byte == 13 else { throw .badTrailer }
            if byte == 13 { state = .trailerLineFeed } else { trailer.append(byte) }
        case .trailerLineFeed:
            guard byte == 10 else { throw .badTrailer }
            state = trailer.isEmpty ? .done : .trailer
            if !trailer.isEmpty { try endTrailer() }
        case .payload, .done: break
        }
    }

    /// RFC 9112 7.1.1, without blanks: `;name`, `;name=token`, `;name="quoted"`.
    private mutating func stepExtension(_ byte: UInt8) throws(HeadError) {
        switch state {
        case .extensionName where byte == UInt8(ascii: "=") && isTokenBegun: (state, isTokenBegun) = (.extensionValue, false)
        case .extensionValue where byte == UInt8(ascii: "\"") && !isTokenBegun: state = .quoted
        case .extensionName, .extensionValue:
            guard isTokenBegun || isTokenCharacter(byte) else { throw .badChunk }
            if isTokenCharacter(byte) { isTokenBegun = true } else { try endPart(byte) }
        case .quoted where byte == UInt8(ascii: "\""): state = .afterQuoted
        case .quoted where byte == UInt8(ascii: "\\"): state = .quotedPair
        case .quoted, .quotedPair:
            guard byte >= 32 && byte != 127 || byte == 9 else { throw .badChunk }
            state = .quoted
        default: try endPart(byte)
        }
    }

    /// The byte after a chunk's size or an extension: the end of the line or the next extension.
    private mutating func endPart(_ byte: UInt8) throws(HeadError) {
        switch byte {
        case 13: state = .sizeLineFeed
        case UInt8(ascii: ";"): (state, isTokenBegun) = (.extensionName, false)
        default: throw .badChunk
        }
    }

    private mutating func endTrailer() throws(HeadError) {
        let name = trailer.withUnsafeBytes { all -> FieldName? in
            guard let (name, end) = fieldName(all, from: 0), firstControl(all, from: end + 1) == all.count else { return nil }
            return name
        }
        trailer.removeAll(keepingCapacity: true)
        guard let name, !name.isHopByHop, !Self.headOnly.contains(name) else { throw .badTrailer }
    }

    /// RFC 9110 6.5.1: fields for framing, routing, request modifiers and authentication belong in the head.
    private static let headOnly: [FieldName] = [
        .authorization, .contentEncoding, .contentLength, .contentRange, .contentType, .expect, .host, .range,
    ]
}

private func hexadecimal(_ byte: UInt8) -> Int? {
    switch byte {
    case 48...57: Int(byte) - 48
    case 65...70: Int(byte) - 55
    case 97...102: Int(byte) - 87
    default: nil
    }
}
