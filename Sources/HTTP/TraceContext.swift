/// Where a request belongs in a distributed trace (W3C Trace Context, level 2): the trace, the caller's part of it, and Berth's own.
package struct TraceContext: Sendable, Equatable {
    /// The trace's id.
    package let high: UInt64, low: UInt64
    /// The id of the caller's span; nil: the trace begins here.
    package let parent: UInt64?
    /// The id of the span that the request is here, which is the parent of what goes upstream.
    package let span: UInt64
    /// `sampled` and `random-trace-id`, as the caller set them.
    package let flags: UInt8

    /// A trace that begins here. It is not sampled: its id only joins lines of logs.
    /// - Parameters:
    ///   - high: with `low` random, and not both 0.
    ///   - span: not 0.
    package init(high: UInt64, low: UInt64, span: UInt64) {
        (self.high, self.low, self.span, parent, flags) = (high, low, span, nil, 0)
    }

    /// Goes on with the caller's trace; nil: the request has no `traceparent`, an invalid one, or two, and a new trace begins (3.2.2, 4.3).
    /// - Parameter span: not 0.
    package init?(_ head: Head, span: UInt64) {
        var found: Head.Field?
        for field in head.fields where field.name == .traceparent {
            guard found == nil else { return nil }
            found = field
        }
        guard let found else { return nil }
        self.init(traceparent: head.bytes[found.valueRange], span: span)
    }

    /// - Parameter traceparent: the field's value.
    init?(traceparent value: ArraySlice<UInt8>, span: UInt64) {
        let parsed = value.withUnsafeBufferPointer { Self.parse($0) }
        guard let parsed else { return nil }
        (high, low, parent, flags, self.span) = (parsed.high, parsed.low, parsed.parent, parsed.flags, span)
    }

    /// `00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01`
    private static let length = 55
    private static let sampled: UInt8 = 1, random: UInt8 = 2

    private static func parse(_ value: UnsafeBufferPointer<UInt8>) -> (high: UInt64, low: UInt64, parent: UInt64, flags: UInt8)? {
        let dash = UInt8(ascii: "-")
        guard value.count >= length, value[2] == dash, value[35] == dash, value[52] == dash, let version = number(value, 0..<2),
            let high = number(value, 3..<19), let low = number(value, 19..<35), let parent = number(value, 36..<52),
            let flags = number(value, 53..<55), version != 0xff, high | low != 0, parent != 0
        else { return nil }
        // A later version may append fields, and says nothing of its other flags here (3.2.4).
        guard version == 0 ? value.count == length : value.count == length || value[length] == dash else { return nil }
        return (high, low, parent, UInt8(truncatingIfNeeded: flags) & (version == 0 ? sampled | random : sampled))
    }

    /// Hexadecimal digits in lower case; nil for any other byte.
    private static func number(_ value: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) -> UInt64? {
        var number: UInt64 = 0
        for index in range {
            let byte = value[index], digit: UInt8
            if byte &- 48 < 10 { digit = byte - 48 } else if byte &- 97 < 6 { digit = byte - 87 } else { return nil }
            number = number << 4 | UInt64(digit)
        }
        return number
    }

    private static let template: StaticString = "traceparent: 00-________________________________-________________-0_\r\n"

    /// The whole `traceparent` line, for a request upstream.
    package func appendField(to output: OutputBuffer) {
        // In one piece: every request has it.
        let line = output.extend(by: Self.template.utf8CodeUnitCount)
        line.copyMemory(from: UnsafeRawBufferPointer(Self.template.utf8Bytes))
        writeHexadecimal(high, into: UnsafeMutableRawBufferPointer(rebasing: line[16..<32]))
        writeHexadecimal(low, into: UnsafeMutableRawBufferPointer(rebasing: line[32..<48]))
        writeHexadecimal(span, into: UnsafeMutableRawBufferPointer(rebasing: line[49..<65]))
        line[67] = 48 + flags
    }
}
