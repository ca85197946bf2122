/// Builds log lines, one after the other in the same memory: the fields of each in order, in any format. Whatever a value holds, the line stays one
/// line, and a value cannot look like another field.
///
/// Begins with `begin`, ends with `end`, and then goes to the sink.
package struct LogLine: ~Copyable {
    private var buffer = LineBuffer()
    private var format = LogFormat.json

    /// Width of the level in text: the longest, `critical`, and a blank.
    private static let levelColumn = 9

    /// Nothing is written until `begin`.
    package init() {}

    /// The line so far, valid until the next change.
    var bytes: UnsafeBufferPointer<UInt8> { buffer.bytes }

    /// Begins a line with time, level and message.
    /// - Parameter message: one of ours, which needs no escapes.
    package mutating func begin(_ format: LogFormat, level: StaticString, message: StaticString, clock: inout LogClock) {
        begin(format, level, &clock)
        buffer.append(message)
        endMessage()
    }

    /// Begins a line with time, level and message.
    /// - Parameter message: any text.
    package mutating func begin(_ format: LogFormat, level: StaticString, text message: String, clock: inout LogClock) {
        begin(format, level, &clock)
        message.utf8.withBytes { EscapedText.append($0, to: &buffer) }
        endMessage()
    }

    private mutating func begin(_ format: LogFormat, _ level: StaticString, _ clock: inout LogClock) {
        buffer.removeAll()
        self.format = format
        switch format {
        case .json:
            buffer.append("{\"time\":\"")
            clock.append(to: &buffer)
            buffer.append("\",\"level\":\"")
            buffer.append(level)
            buffer.append("\",\"message\":\"")
        case .text:
            clock.append(to: &buffer)
            buffer.append(" ")
            buffer.append(level)
            for _ in level.utf8CodeUnitCount..<Self.levelColumn { buffer.append(" ") }
        case .terminal, .coloured:
            LogClock.appendTimeOfDay(to: &buffer)
            let mark = LevelMark(level)
            word(mark.text, mark.colour)
            buffer.append(" ")
        }
    }

    private mutating func endMessage() { if format == .json { buffer.append("\"") } }

    /// Begins a short line of a terminal, with the time alone.
    package mutating func begin(onTerminal format: LogFormat) {
        buffer.removeAll()
        self.format = format
        LogClock.appendTimeOfDay(to: &buffer)
    }

    /// Ends the line, with its line feed.
    package mutating func end() { buffer.append(format == .json ? "}\n" : "\n") }

    // MARK: Words of a terminal's line

    /// A word of ours, after a blank.
    /// - Parameter width: a shorter word is followed by blanks.
    package mutating func word(_ text: StaticString, _ colour: TerminalColour? = nil, width: Int = 0) {
        begin(colour)
        buffer.append(text)
        end(colour)
        for _ in 0..<max(0, width - text.utf8CodeUnitCount) { buffer.append(" ") }
    }

    /// Text from outside, after a blank.
    package mutating func word(_ value: ArraySlice<UInt8>, _ colour: TerminalColour? = nil) {
        begin(colour)
        value.withBytes { EscapedText.append($0, to: &buffer) }
        end(colour)
    }

    /// A number, after a blank.
    package mutating func word(_ value: Int, _ colour: TerminalColour? = nil) {
        begin(colour)
        buffer.append(decimal: value)
        end(colour)
    }

    private mutating func begin(_ colour: TerminalColour?) {
        buffer.append(" ")
        if format == .coloured, let colour { buffer.append(colour.start) }
    }

    private mutating func end(_ colour: TerminalColour?) {
        if format == .coloured, colour != nil { buffer.append(TerminalColour.end) }
    }

    // MARK: Fields

    // Not generic: the optimiser does not specialise `package` functions across modules, and an access line has a dozen fields.

    /// Text.
    package mutating func field(_ name: StaticString, _ value: [UInt8]) { value.withBytes { field(name, $0) } }

    /// Text.
    package mutating func field(_ name: StaticString, _ value: ArraySlice<UInt8>) { value.withBytes { field(name, $0) } }

    /// Text.
    package mutating func field(_ name: StaticString, _ value: String.UTF8View) { value.withBytes { field(name, $0) } }

    /// Text: a word of ours, which needs no escapes.
    package mutating func field(_ name: StaticString, _ value: StaticString) {
        begin(name)
        if format == .json { buffer.append("\"", value, "\"") } else { buffer.append(value) }
    }

    /// Text.
    package mutating func field(_ name: StaticString, _ value: UnsafeBufferPointer<UInt8>) {
        begin(name)
        append(value: value)
    }

    /// In the text format, quoted only where it could be misread.
    private mutating func append(value: UnsafeBufferPointer<UInt8>) {
        if format != .json, !value.isEmpty, EscapedText.appendPlain(value, .bare, to: &buffer) { return }
        buffer.append(UInt8(ascii: "\""))
        EscapedText.append(value, to: &buffer)
        buffer.append(UInt8(ascii: "\""))
    }

    /// Text: the number in 16 hexadecimal digits.
    package mutating func field(_ name: StaticString, hexadecimal value: UInt64) {
        begin(name)
        appendQuote()
        buffer.append(hexadecimal: value)
        appendQuote()
    }

    /// Text: a number of 128 bits in 32 hexadecimal digits.
    package mutating func field(_ name: StaticString, hexadecimal high: UInt64, _ low: UInt64) {
        begin(name)
        appendQuote()
        buffer.append(hexadecimal: high)
        buffer.append(hexadecimal: low)
        appendQuote()
    }

    /// A number.
    package mutating func field(_ name: StaticString, _ value: Int) {
        begin(name)
        buffer.append(decimal: value)
    }

    /// A number: seconds with six decimals.
    package mutating func field(_ name: StaticString, nanoseconds: Int) {
        begin(name)
        buffer.append(decimal: nanoseconds / 1_000_000_000)
        buffer.append(UInt8(ascii: "."))
        buffer.append(decimal: nanoseconds / 1000 % 1_000_000, width: 6)
    }

    /// Text, with a name that is only known at run time.
    package mutating func field(named name: String, _ value: some Collection<UInt8>) {
        begin(named: name)
        value.withBytes { append(value: $0) }
    }

    /// A number.
    /// - Parameter number: as JSON writes it (RFC 8259 6).
    package mutating func field(named name: String, number: some Collection<UInt8>) {
        begin(named: name)
        number.withBytes { buffer.append($0) }
    }

    /// `true` or `false`.
    package mutating func field(named name: String, _ flag: Bool) {
        begin(named: name)
        buffer.append(flag ? "true" : "false")
    }

    private mutating func begin(named name: String) {
        if format == .json { buffer.append(",\"") } else { begin(.dim) }
        name.utf8.withBytes { EscapedText.append($0, to: &buffer) }
        buffer.append(format == .json ? "\":" : "=")
        end(.dim)
    }

    private mutating func begin(_ name: StaticString) {
        switch format {
        case .json: buffer.append(",\"", name, "\":")
        case .text: buffer.append(" ", name, "=")
        case .terminal, .coloured:
            begin(.dim)
            buffer.append(name)
            buffer.append("=")
            end(.dim)
        }
    }

    /// Around text that needs no escapes.
    private mutating func appendQuote() { if format == .json { buffer.append(UInt8(ascii: "\"")) } }
}

extension Collection<UInt8> {
    /// Calls `body` with the bytes; with a copy only when they are not contiguous.
    func withBytes<Result>(_ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
        withContiguousStorageIfAvailable(body) ?? Array(self).withUnsafeBufferPointer(body)
    }
}
