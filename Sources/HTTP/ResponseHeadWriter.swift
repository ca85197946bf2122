/// Writes the head of a response: the status line, the fields, and the end of the head. Every response's head is written here.
///
/// Appends straight into one buffer and allocates nothing per field. Not copyable, so that the buffer has one owner: a second reference to it
/// would make the next append copy the whole head.
package struct ResponseHeadWriter: ~Copyable {
    /// How the body is framed for this receiver (RFC 9112 6).
    package enum Framing: Sendable, Equatable {
        /// The response has no body, and says nothing of its length.
        case none
        case length(Int)
        case chunked
        /// The body ends with the connection: for HTTP/1.0 clients when the length is not known.
        case untilClose
        /// `Content-Length` was copied with the other fields, or the received head has no body.
        case asCopied
    }

    private var buffer: [UInt8]

    /// Holds most heads: one allocation where no buffer is reused.
    private static let initialCapacity = 512

    /// Begins with the status line.
    /// - Parameter buffer: emptied; its capacity is reused.
    package init(status: Int, into buffer: consuming [UInt8] = []) {
        self.buffer = consume buffer
        self.buffer.removeAll(keepingCapacity: true)
        self.buffer.reserveCapacity(Self.initialCapacity)
        self.buffer.appendStatusLine(status)
    }

    /// The head so far.
    package var bytes: [UInt8] { buffer }

    /// The caller makes sure that the value holds no line end.
    package mutating func field(_ name: StaticString, _ value: ArraySlice<UInt8>) { buffer.appendField(name, value) }

    /// The caller makes sure that the value holds no line end.
    package mutating func field(_ name: StaticString, _ value: [UInt8]) { buffer.appendField(name, value) }

    /// The caller makes sure that the value holds no line end.
    package mutating func field(_ name: StaticString, _ value: StaticString) { buffer.appendField(name, value) }

    /// `name: value CRLF`.
    package mutating func field(_ name: StaticString, decimal value: Int) { buffer.appendField(name, decimal: value) }

    /// Writes one line for each. Control characters in values become blanks, so that a value cannot end its line early.
    package mutating func fields(_ fields: [(String, String)]) {
        for (name, value) in fields {
            buffer.append(contentsOf: name.utf8)
            buffer.append(": ")
            let start = buffer.count
            buffer.append(contentsOf: value.utf8)
            for index in start..<buffer.count where buffer[index] < 32 || buffer[index] == 127 { buffer[index] = 32 }
            buffer.append("\r\n")
        }
    }

    /// Copies the end-to-end fields of a received head that `include` selects, byte for byte. Hop-by-hop fields are never copied
    /// (RFC 9110 7.6.1).
    package mutating func fields(of head: Head, where include: (Head.Field) -> Bool) {
        head.appendFields(to: &buffer, where: include)
    }

    /// Writes the framing, `Date`, the connection's field and the empty line.
    /// - Parameters:
    ///   - date: the value of `Date`; nil: the field was copied or written before.
    ///   - connection: a whole line with its CRLF, as `Connection: close`, or empty.
    /// - Returns: the whole head. It shares no storage, so a body can be appended without a copy.
    package consuming func finish(_ framing: Framing, date: [UInt8]?, connection: StaticString) -> [UInt8] {
        switch framing {
        case .none, .untilClose, .asCopied: break
        case .length(let count): buffer.appendField("Content-Length", decimal: count)
        case .chunked: buffer.append("Transfer-Encoding: chunked\r\n")
        }
        if let date { buffer.appendField("Date", date) }
        buffer.append(connection)
        buffer.append("\r\n")
        return buffer
    }
}
