import Glibc

/// Bytes on their way out: heads are built here, piece by piece, with the first bytes of a body behind them. One for each loop, reused from write
/// to write.
///
/// The pieces are appended by `@inlinable` code and memcpy(3). An array would check who else holds it at each of a head's fifty pieces.
package final class OutputBuffer {
    @usableFromInline var start: UnsafeMutableRawPointer
    @usableFromInline var capacity: Int
    /// Bytes that have been appended since `removeAll`.
    @usableFromInline package internal(set) var count = 0

    /// Holds most heads with a manifest behind them.
    private static let initialCapacity = 32 << 10
    /// A buffer that held more is given back: the whole body of a large manifest passes once in a while.
    private static let keptCapacity = 64 << 10

    /// Empty.
    package init() {
        capacity = Self.initialCapacity
        start = .allocate(byteCount: capacity, alignment: 16)
    }

    deinit { start.deallocate() }

    /// What has been appended. Valid until the next call.
    @inlinable package var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: start, count: count) }

    /// A copy.
    package var array: [UInt8] { [UInt8](bytes) }

    /// To begin anew.
    package func removeAll() {
        count = 0
        if capacity > Self.keptCapacity { resize(to: Self.initialCapacity) }
    }

    private func resize(to size: Int) {
        let larger = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 16)
        larger.copyMemory(from: start, byteCount: count)
        start.deallocate()
        (start, capacity) = (larger, size)
    }

    @usableFromInline func grow(by count: Int) { resize(to: max(capacity * 2, self.count + count)) }

    /// Room for `count` more bytes, which the caller fills in whole.
    @inlinable package func extend(by count: Int) -> UnsafeMutableRawBufferPointer {
        if self.count + count > capacity { grow(by: count) }
        defer { self.count += count }
        return UnsafeMutableRawBufferPointer(start: start + self.count, count: count)
    }

    // MARK: Pieces

    /// One byte.
    @inlinable package func append(_ byte: UInt8) {
        if count == capacity { grow(by: 1) }
        (start + count).storeBytes(of: byte, as: UInt8.self)
        count += 1
    }

    /// Copies bytes.
    @inlinable package func append(_ bytes: UnsafeRawBufferPointer) {
        guard let source = bytes.baseAddress else { return }
        if count + bytes.count > capacity { grow(by: bytes.count) }
        (start + count).copyMemory(from: source, byteCount: bytes.count)
        count += bytes.count
    }

    /// The literal's bytes.
    @inlinable package func append(_ literal: StaticString) {
        append(UnsafeRawBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount))
    }

    /// Copies bytes.
    @inlinable package func append(_ bytes: [UInt8]) { bytes.withUnsafeBytes { append($0) } }

    /// Copies bytes.
    @inlinable package func append(_ bytes: ArraySlice<UInt8>) { bytes.withUnsafeBytes { append($0) } }

    /// The text's bytes.
    package func append(text: String) {
        var text = text
        text.withUTF8 { append(UnsafeRawBufferPointer($0)) }
    }

    /// In decimal digits, with a minus sign for negative values.
    package func append(decimal value: Int) {
        if value < 0 { append(UInt8(ascii: "-")) }
        var rest = value.magnitude, digits = 1
        while rest >= 10 { (rest, digits) = (rest / 10, digits + 1) }
        rest = value.magnitude
        let room = extend(by: digits)
        for at in room.indices.reversed() {
            room[at] = UInt8(48 + rest % 10)
            rest /= 10
        }
    }

    /// In 16 hexadecimal digits, in lower case.
    package func append(hexadecimal value: UInt64) { writeHexadecimal(value, into: extend(by: 16)) }

    // MARK: Lines

    /// `name: value CRLF`. The caller makes sure that the value holds no line end.
    @inlinable package func appendField(_ name: StaticString, _ value: ArraySlice<UInt8>) {
        value.withUnsafeBytes { appendField(name, $0) }
    }

    /// `name: value CRLF`. The caller makes sure that the value holds no line end.
    @inlinable package func appendField(_ name: StaticString, _ value: [UInt8]) {
        value.withUnsafeBytes { appendField(name, $0) }
    }

    /// `name: value CRLF`. The caller makes sure that the value holds no line end.
    @inlinable package func appendField(_ name: StaticString, _ value: StaticString) {
        appendField(name, UnsafeRawBufferPointer(start: value.utf8Start, count: value.utf8CodeUnitCount))
    }

    /// `name: value CRLF`. The caller makes sure that the value holds no line end.
    package func appendField(_ name: StaticString, _ value: UnsafeRawBufferPointer) {
        append(name)
        append(": ")
        append(value)
        append("\r\n")
    }

    /// `name: value CRLF`.
    package func appendField(_ name: StaticString, decimal value: Int) {
        append(name)
        append(": ")
        append(decimal: value)
        append("\r\n")
    }

    /// `HTTP/1.1 200 OK CRLF`.
    package func appendStatusLine(_ status: Int) {
        guard status != 200 else { return append("HTTP/1.1 200 OK\r\n") }
        append("HTTP/1.1 ")
        append(decimal: status)
        append(" ")
        append(reasonPhrase(status))
        append("\r\n")
    }

    /// A chunk's size and CRLF (RFC 9112 7.1). The payload and another CRLF follow.
    package func appendChunkSize(_ count: Int) {
        append(Array(String(count, radix: 16).utf8))
        append("\r\n")
    }
}

extension Array<UInt8> {
    /// In 16 hexadecimal digits, in lower case.
    package mutating func append(hexadecimal value: UInt64) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 16) { digits in
            writeHexadecimal(value, into: UnsafeMutableRawBufferPointer(digits))
            append(contentsOf: UnsafeBufferPointer(digits))
        }
    }
}

/// In 16 digits, in lower case.
func writeHexadecimal(_ value: UInt64, into digits: UnsafeMutableRawBufferPointer) {
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
/// Bytes around the payload of a chunk: its header, and the CRLF after it.
package let chunkFraming = chunkHeaderRoom + 2

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
