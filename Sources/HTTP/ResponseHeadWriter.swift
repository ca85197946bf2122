/// Writes the head of a response into an output buffer: the status line, the fields, and the end of the head. Every response's head is written here.
package struct ResponseHeadWriter {
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

    private let output: OutputBuffer

    /// Begins with the status line.
    /// - Parameter output: what is in it is dropped.
    package init(status: Int, into output: OutputBuffer) {
        self.output = output
        output.removeAll()
        output.appendStatusLine(status)
    }

    /// The caller makes sure that the value holds no line end.
    package func field(_ name: StaticString, _ value: ArraySlice<UInt8>) { output.appendField(name, value) }

    /// The caller makes sure that the value holds no line end.
    package func field(_ name: StaticString, _ value: [UInt8]) { output.appendField(name, value) }

    /// The caller makes sure that the value holds no line end.
    package func field(_ name: StaticString, _ value: StaticString) { output.appendField(name, value) }

    /// `name: value CRLF`.
    package func field(_ name: StaticString, decimal value: Int) { output.appendField(name, decimal: value) }

    /// `name: value CRLF`, in 16 digits.
    package func field(_ name: StaticString, hexadecimal value: UInt64) {
        output.append(name)
        output.append(": ")
        output.append(hexadecimal: value)
        output.append("\r\n")
    }

    /// Writes one line for each. Control characters in values become blanks, so that a value cannot end its line early.
    package func fields(_ fields: [(String, String)]) {
        for (name, value) in fields {
            output.append(Array(name.utf8))
            output.append(": ")
            output.append(value.utf8.map { $0 < 32 || $0 == 127 ? 32 : $0 })
            output.append("\r\n")
        }
    }

    /// Copies the end-to-end fields of a received head that `include` selects, byte for byte. Hop-by-hop fields are never copied
    /// (RFC 9110 7.6.1).
    package func fields(of head: Head, where include: (Head.Field) -> Bool) { head.appendFields(to: output, where: include) }

    /// Writes the framing, `Date`, the connection's field and the empty line. A body may be appended to the output afterwards.
    /// - Parameters:
    ///   - date: the value of `Date`; nil: the field was copied or written before.
    ///   - connection: a whole line with its CRLF, as `Connection: close`, or empty.
    /// - Returns: bytes of the whole head.
    @discardableResult
    package func finish(_ framing: Framing, date: [UInt8]?, connection: StaticString) -> Int {
        switch framing {
        case .none, .untilClose, .asCopied: break
        case .length(let count): output.appendField("Content-Length", decimal: count)
        case .chunked: output.append("Transfer-Encoding: chunked\r\n")
        }
        if let date { output.appendField("Date", date) }
        output.append(connection)
        output.append("\r\n")
        return output.count
    }
}
