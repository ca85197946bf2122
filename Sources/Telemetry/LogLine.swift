/// Builds a log line: its fields in order, in any format. Whatever a value holds, the line stays one line, and a value cannot look like another
/// field.
package struct LogLine {
    /// The line so far.
    package private(set) var bytes: [UInt8]
    private let format: LogFormat

    /// Width of the level in text: the longest, `critical`, and a blank.
    private static let levelColumn = 9

    /// Begins with time, level and message.
    /// - Parameter buffer: empty; its capacity is reused.
    package init(
        _ format: LogFormat, level: StaticString, message: some Collection<UInt8>, clock: inout LogClock,
        in buffer: consuming [UInt8] = []
    ) {
        bytes = buffer
        self.format = format
        switch format {
        case .json:
            append("{\"time\":\"")
            clock.append(to: &bytes)
            append("\",\"level\":\"")
            append(level)
            append("\",\"message\":\"")
            message.withBytes { appendEscaped($0) }
            append("\"")
        case .text:
            clock.append(to: &bytes)
            append(" ")
            append(level)
            for _ in level.utf8CodeUnitCount..<Self.levelColumn { append(" ") }
            message.withBytes { appendEscaped($0) }
        case .terminal, .coloured:
            LogClock.appendTimeOfDay(to: &bytes)
            let mark = LevelMark(level)
            word(mark.text, mark.colour)
            append(" ")
            message.withBytes { appendEscaped($0) }
        }
    }

    /// Begins a short line of a terminal, with the time alone.
    /// - Parameter buffer: empty; its capacity is reused.
    package init(onTerminal format: LogFormat, in buffer: consuming [UInt8] = []) {
        bytes = buffer
        self.format = format
        LogClock.appendTimeOfDay(to: &bytes)
    }

    // MARK: Words of a terminal's line

    /// A word of ours, after a blank.
    /// - Parameter width: a shorter word is followed by blanks.
    package mutating func word(_ text: StaticString, _ colour: TerminalColour? = nil, width: Int = 0) {
        begin(colour)
        append(text)
        end(colour)
        for _ in 0..<max(0, width - text.utf8CodeUnitCount) { append(" ") }
    }

    /// Text from outside, after a blank.
    package mutating func word(_ value: ArraySlice<UInt8>, _ colour: TerminalColour? = nil) {
        begin(colour)
        value.withBytes { appendEscaped($0) }
        end(colour)
    }

    /// A number, after a blank.
    package mutating func word(_ value: Int, _ colour: TerminalColour? = nil) {
        begin(colour)
        append(decimal: value, width: 1)
        end(colour)
    }

    private mutating func begin(_ colour: TerminalColour?) {
        append(" ")
        if format == .coloured, let colour { append(colour.start) }
    }

    private mutating func end(_ colour: TerminalColour?) {
        if format == .coloured, colour != nil { append(TerminalColour.end) }
    }

    // MARK: Fields

    // Not generic: the optimiser does not specialise `package` functions across modules, and an access line has a dozen fields.

    /// Text.
    package mutating func field(_ name: StaticString, _ value: [UInt8]) { value.withBytes { field(name, $0) } }

    /// Text.
    package mutating func field(_ name: StaticString, _ value: ArraySlice<UInt8>) { value.withBytes { field(name, $0) } }

    /// Text.
    package mutating func field(_ name: StaticString, _ value: String.UTF8View) { value.withBytes { field(name, $0) } }

    /// Text.
    package mutating func field(_ name: StaticString, _ value: UnsafeBufferPointer<UInt8>) {
        begin(name)
        append(value: value)
    }

    /// In the text format, quoted only where it could be misread.
    private mutating func append(value: UnsafeBufferPointer<UInt8>) {
        if format == .json || value.isEmpty
            || value.contains(where: { $0 <= 32 || $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "=") || $0 >= 127 })
        {
            append("\"")
            appendEscaped(value)
            append("\"")
        } else {
            bytes.append(contentsOf: value)
        }
    }

    /// Text.
    package mutating func field(_ name: StaticString, _ value: StaticString) {
        field(name, UnsafeBufferPointer(start: value.utf8Start, count: value.utf8CodeUnitCount))
    }

    /// Text: the number in 16 hexadecimal digits.
    package mutating func field(_ name: StaticString, hexadecimal value: UInt64) {
        begin(name)
        appendQuote()
        append(hexadecimal: value)
        appendQuote()
    }

    /// Text: a number of 128 bits in 32 hexadecimal digits.
    package mutating func field(_ name: StaticString, hexadecimal high: UInt64, _ low: UInt64) {
        begin(name)
        appendQuote()
        append(hexadecimal: high)
        append(hexadecimal: low)
        appendQuote()
    }

    /// A number.
    package mutating func field(_ name: StaticString, _ value: Int) {
        begin(name)
        append(decimal: value, width: 1)
    }

    /// A number: seconds with six decimals.
    package mutating func field(_ name: StaticString, nanoseconds: Int) {
        begin(name)
        append(decimal: nanoseconds / 1_000_000_000, width: 1)
        append(".")
        append(decimal: nanoseconds / 1000 % 1_000_000, width: 6)
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
        bytes.append(contentsOf: number)
    }

    /// `true` or `false`.
    package mutating func field(named name: String, _ flag: Bool) {
        begin(named: name)
        append(flag ? "true" : "false")
    }

    /// The whole line, with its line feed.
    package consuming func finished() -> [UInt8] {
        append(format == .json ? "}\n" : "\n")
        return bytes
    }

    private mutating func begin(named name: String) {
        beginName()
        name.utf8.withBytes { appendEscaped($0) }
        endName()
    }

    private mutating func begin(_ name: StaticString) {
        beginName()
        append(name)
        endName()
    }

    private mutating func beginName() { if format == .json { append(",\"") } else { begin(.dim) } }

    private mutating func endName() {
        append(format == .json ? "\":" : "=")
        end(.dim)
    }

    private mutating func append(_ literal: StaticString) {
        bytes.append(contentsOf: UnsafeBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount))
    }

    /// Around text that needs no escapes.
    private mutating func appendQuote() { if format == .json { append("\"") } }

    private mutating func append(hexadecimal value: UInt64) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 16) { digits in
            var rest = value
            for at in (0..<16).reversed() {
                let digit = UInt8(truncatingIfNeeded: rest) & 15
                digits[at] = digit < 10 ? 48 + digit : 87 + digit
                rest >>= 4
            }
            bytes.append(contentsOf: UnsafeBufferPointer(digits))
        }
    }

    private mutating func append(decimal value: Int, width: Int) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
            var at = 20
            var rest = value.magnitude
            repeat {
                at -= 1
                digits[at] = UInt8(48 + rest % 10)
                rest /= 10
            } while rest > 0 || 20 - at < width
            if value < 0 { bytes.append(UInt8(ascii: "-")) }
            bytes.append(contentsOf: UnsafeBufferPointer(rebasing: digits[at...]))
        }
    }

    private mutating func appendEscaped(_ value: UnsafeBufferPointer<UInt8>) { EscapedText.append(value, to: &bytes) }
}

extension Collection<UInt8> {
    /// Calls `body` with the bytes; with a copy only when they are not contiguous.
    func withBytes<Result>(_ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
        withContiguousStorageIfAvailable(body) ?? Array(self).withUnsafeBufferPointer(body)
    }
}
