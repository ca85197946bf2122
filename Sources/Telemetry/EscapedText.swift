/// Text in a log line, escaped as in JSON (RFC 8259 7).
enum EscapedText {
    /// The line is ASCII in either format: everything else becomes `\uXXXX`, so that no control character, and nothing that
    /// changes the direction of text, reaches a terminal. What is not UTF-8 becomes U+FFFD.
    static func append(_ value: UnsafeBufferPointer<UInt8>, to bytes: inout [UInt8]) {
        if value.allSatisfy({ $0 >= 32 && $0 < 127 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }) {
            bytes.append(contentsOf: value)
        } else {
            for unit in String(decoding: value, as: UTF8.self).utf16 { append(unit, to: &bytes) }
        }
    }

    /// Escapes a UTF-16 unit, as JSON does.
    private static func append(_ unit: UInt16, to bytes: inout [UInt8]) {
        switch unit {
        case 32..<127:
            let byte = UInt8(truncatingIfNeeded: unit)
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { bytes.append(UInt8(ascii: "\\")) }
            bytes.append(byte)
        default:
            bytes += [UInt8(ascii: "\\"), UInt8(ascii: "u")]
            for shift in [12, 8, 4, 0] as [UInt16] {
                let digit = UInt8(truncatingIfNeeded: unit >> shift) & 15
                bytes.append(digit < 10 ? 48 + digit : 87 + digit)
            }
        }
    }
}
