/// Heads are built by appending to a `[UInt8]` that is reused, without intermediate values. Nothing here is generic: the optimiser does not
/// specialise `package` functions across modules.
extension Array<UInt8> {
    /// The literal's bytes.
    package mutating func append(_ literal: StaticString) { append(contentsOf: literal.utf8Bytes) }

    /// In decimal digits, with a minus sign for negative values.
    package mutating func append(decimal value: Int) {
        // 20 bytes hold any Int; digits come from the right.
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
            var at = 20
            var rest = value.magnitude
            repeat {
                at -= 1
                digits[at] = UInt8(48 + rest % 10)
                rest /= 10
            } while rest > 0
            if value < 0 { append(UInt8(ascii: "-")) }
            append(contentsOf: UnsafeBufferPointer(rebasing: digits[at...]))
        }
    }

    /// In 16 hexadecimal digits, in lower case.
    package mutating func append(hexadecimal value: UInt64) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 16) { digits in
            writeHexadecimal(value, into: digits)
            append(contentsOf: UnsafeBufferPointer(digits))
        }
    }

    /// `name: value CRLF`. The caller makes sure that the value holds no line end.
    package mutating func appendField(_ name: StaticString, _ value: ArraySlice<UInt8>) {
        append(name)
        append(": ")
        append(contentsOf: value)
        append("\r\n")
    }

    /// `name: value CRLF`. The caller makes sure that the value holds no line end.
    package mutating func appendField(_ name: StaticString, _ value: [UInt8]) { appendField(name, value[...]) }

    /// `name: value CRLF`. The caller makes sure that the value holds no line end.
    package mutating func appendField(_ name: StaticString, _ value: StaticString) {
        append(name)
        append(": ")
        append(value)
        append("\r\n")
    }

    /// `name: value CRLF`.
    package mutating func appendField(_ name: StaticString, decimal value: Int) {
        append(name)
        append(": ")
        append(decimal: value)
        append("\r\n")
    }

    /// `HTTP/1.1 200 OK CRLF`.
    package mutating func appendStatusLine(_ status: Int) {
        append("HTTP/1.1 ")
        append(decimal: status)
        append(" ")
        append(reasonPhrase(status))
        append("\r\n")
    }

    /// A chunk's size and CRLF (RFC 9112 7.1). The payload and another CRLF follow.
    package mutating func appendChunkSize(_ count: Int) {
        append(contentsOf: String(count, radix: 16).utf8)
        append("\r\n")
    }
}

/// In 16 digits, in lower case.
func writeHexadecimal(_ value: UInt64, into digits: UnsafeMutableBufferPointer<UInt8>) {
    var rest = value, at = 16
    while at > 0 {
        at -= 1
        let digit = UInt8(truncatingIfNeeded: rest) & 15
        digits[at] = digit < 10 ? 48 + digit : 87 + digit
        rest >>= 4
    }
}

/// Bytes to leave free before a payload for its chunk header: `FFFFFFFF CRLF`.
package let chunkHeaderRoom = 10

/// Writes a chunk's size line so that it ends where the payload starts.
/// - Parameters:
///   - count: bytes of payload, below 2³².
///   - room: the `chunkHeaderRoom` bytes before the payload.
/// - Returns: where in `room` the line begins.
package func writeChunkHeader(_ count: Int, into room: UnsafeMutableRawBufferPointer) -> Int {
    var at = room.count
    at -= 1
    room[at] = 10
    at -= 1
    room[at] = 13
    var rest = count
    repeat {
        at -= 1
        let digit = UInt8(rest & 15)
        room[at] = digit < 10 ? 48 + digit : 87 + digit
        rest >>= 4
    } while rest > 0 && at > 0
    return at
}

/// The reason phrase of a status (RFC 9110 15), for people who read traces. Clients decide by the number.
package func reasonPhrase(_ status: Int) -> StaticString {
    switch status {
    case 100: "Continue"
    case 200: "OK"
    case 201: "Created"
    case 202: "Accepted"
    case 204: "No Content"
    case 206: "Partial Content"
    case 304: "Not Modified"
    case 307: "Temporary Redirect"
    case 400: "Bad Request"
    case 401: "Unauthorized"
    case 403: "Forbidden"
    case 404: "Not Found"
    case 405: "Method Not Allowed"
    case 408: "Request Timeout"
    case 413: "Content Too Large"
    case 416: "Range Not Satisfiable"
    case 417: "Expectation Failed"
    case 421: "Misdirected Request"
    case 422: "Unprocessable Content"
    case 429: "Too Many Requests"
    case 431: "Request Header Fields Too Large"
    case 500: "Internal Server Error"
    case 501: "Not Implemented"
    case 502: "Bad Gateway"
    case 503: "Service Unavailable"
    case 504: "Gateway Timeout"
    case 505: "HTTP Version Not Supported"
    default: "Unnamed"
    }
}

extension StaticString {
    /// The literal's bytes, where they lie.
    package var utf8Bytes: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: utf8Start, count: utf8CodeUnitCount) }
}
