/// Text in a log line, escaped as in JSON (RFC 8259 7).
///
/// The line is ASCII in either format: everything else becomes `\uXXXX`, so that no control character, and nothing that changes the direction of
/// text, reaches a terminal. What is not UTF-8 becomes U+FFFD.
enum EscapedText {
    /// What text may hold that is written as it is, beside printable ASCII.
    enum Plain {
        /// No quotation mark and no backslash: between quotation marks.
        case quoted
        /// No blank, no quotation mark and no equals sign: where these would end or begin something.
        case bare
    }

    static func append(_ value: UnsafeBufferPointer<UInt8>, to buffer: inout LineBuffer) {
        guard !appendPlain(value, .quoted, to: &buffer) else { return }
        for unit in String(decoding: value, as: UTF8.self).utf16 { append(unit, to: &buffer) }
    }

    /// Appends text that needs no escapes. false: it does, and nothing was appended. Checks and copies eight bytes at once.
    @inline(__always)
    static func appendPlain(_ value: UnsafeBufferPointer<UInt8>, _ plain: Plain, to buffer: inout LineBuffer) -> Bool {
        guard let start = value.baseAddress else { return true }
        let source = UnsafeRawPointer(start), length = value.count, target = buffer.room(length)
        var found: UInt64 = 0
        if length >= 8 {
            var at = 0
            while at &+ 8 <= length {
                let word = (source + at).loadUnaligned(as: UInt64.self)
                found |= special(word, plain)
                target.storeBytes(of: word, toByteOffset: at, as: UInt64.self)
                at &+= 8
            }
            // The last eight bytes, some of them for the second time.
            let word = (source + (length &- 8)).loadUnaligned(as: UInt64.self)
            found |= special(word, plain)
            target.storeBytes(of: word, toByteOffset: length &- 8, as: UInt64.self)
        } else {
            var word: UInt64 = 0
            for at in 0..<length {
                let byte = source.load(fromByteOffset: at, as: UInt8.self)
                word = word << 8 | UInt64(byte)
                target.storeBytes(of: byte, toByteOffset: at, as: UInt8.self)
            }
            // In the place of the missing bytes, one that is plain everywhere.
            if length > 0 { found = special(word | 0x3030_3030_3030_3030 << UInt64(8 &* length), plain) }
        }
        guard found & 0x8080_8080_8080_8080 == 0 else { return false }
        buffer.advance(length)
        return true
    }

    /// The high bit of each byte tells whether the byte is special. Additions carry nothing into the next byte, since its high bit is clear.
    @inline(__always)
    private static func special(_ word: UInt64, _ plain: Plain) -> UInt64 {
        let low = word & 0x7f7f_7f7f_7f7f_7f7f
        // 128 less the first plain character, in each byte.
        let printable = low &+ (plain == .quoted ? 0x6060_6060_6060_6060 : 0x5f5f_5f5f_5f5f_5f5f)
        let notQuote = (low ^ 0x2222_2222_2222_2222) &+ 0x7f7f_7f7f_7f7f_7f7f
        let other: UInt64 = plain == .quoted ? 0x5c5c_5c5c_5c5c_5c5c : 0x3d3d_3d3d_3d3d_3d3d
        let notOther = (low ^ other) &+ 0x7f7f_7f7f_7f7f_7f7f
        // Not ASCII, or DEL.
        let high = word | (low &+ 0x0101_0101_0101_0101)
        return high | ~(printable & notQuote & notOther)
    }

    /// Escapes a UTF-16 unit, as JSON does.
    private static func append(_ unit: UInt16, to buffer: inout LineBuffer) {
        switch unit {
        case 32..<127:
            let byte = UInt8(truncatingIfNeeded: unit)
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { buffer.append(UInt8(ascii: "\\")) }
            buffer.append(byte)
        default:
            buffer.append("\\u")
            for shift in [12, 8, 4, 0] as [UInt16] {
                let digit = UInt8(truncatingIfNeeded: unit >> shift) & 15
                buffer.append(digit < 10 ? 48 + digit : 87 + digit)
            }
        }
    }
}
