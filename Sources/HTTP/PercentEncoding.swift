/// Percent-encoding (RFC 3986 2.1), on bytes. The text variants work on the text's UTF-8.
package enum PercentEncoding {
    private static let digits = Array("0123456789ABCDEF".utf8)

    /// Encodes every byte but the unreserved characters `A–Z a–z 0–9 - . _ ~` (RFC 3986 2.3), with upper-case digits: the form that SigV4
    /// requires.
    /// - Parameter keepingSlashes: leaves `/` as it is, as in a path.
    package static func encode(_ bytes: some Sequence<UInt8>, keepingSlashes: Bool = false) -> [UInt8] {
        var encoded: [UInt8] = []
        encoded.reserveCapacity(bytes.underestimatedCount)
        for byte in bytes {
            if isUnreserved(byte) || (keepingSlashes && byte == UInt8(ascii: "/")) {
                encoded.append(byte)
            } else {
                encoded.append(UInt8(ascii: "%"))
                encoded.append(digits[Int(byte >> 4)])
                encoded.append(digits[Int(byte & 15)])
            }
        }
        return encoded
    }

    /// The text's UTF-8, encoded.
    package static func encode(_ text: some StringProtocol, keepingSlashes: Bool = false) -> String {
        String(decoding: encode(text.utf8, keepingSlashes: keepingSlashes), as: UTF8.self)
    }

    /// Decodes once. A percent sign without two hexadecimal digits after it stays as it is.
    /// - Parameter plusIsSpace: decodes `+` to a space, as in HTML forms.
    package static func decode(_ bytes: ArraySlice<UInt8>, plusIsSpace: Bool = false) -> [UInt8] {
        var decoded: [UInt8] = []
        decoded.reserveCapacity(bytes.count)
        var at = bytes.startIndex
        while at < bytes.endIndex {
            let byte = bytes[at]
            at += 1
            if byte == UInt8(ascii: "%"), let value = escapedByte(bytes[at...]) {
                decoded.append(value)
                at += 2
            } else {
                decoded.append(plusIsSpace && byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
            }
        }
        return decoded
    }

    /// As the variant on bytes; bytes that are not UTF-8 become U+FFFD.
    package static func decode(_ text: some StringProtocol, plusIsSpace: Bool = false) -> String {
        String(decoding: decode(Array(text.utf8)[...], plusIsSpace: plusIsSpace), as: UTF8.self)
    }

    /// Decodes once. nil when an escape is malformed or the result is not UTF-8.
    package static func decodeStrictly(_ text: some StringProtocol) -> String? {
        let bytes = Array(text.utf8)
        let isMalformed = bytes.indices.contains { bytes[$0] == UInt8(ascii: "%") && escapedByte(bytes[($0 + 1)...]) == nil }
        return isMalformed ? nil : String(validating: decode(bytes[...]), as: UTF8.self)
    }

    /// The byte that an escape stands for; nil when its first two bytes are not hexadecimal digits.
    /// - Parameter rest: what follows the percent sign.
    package static func escapedByte(_ rest: ArraySlice<UInt8>) -> UInt8? {
        guard rest.count >= 2, let high = digitValue(rest[rest.startIndex]), let low = digitValue(rest[rest.startIndex + 1]) else {
            return nil
        }
        return high << 4 | low
    }

    /// The byte that the two digits of an escape stand for; nil when they are none.
    package static func escapedByte(_ high: UInt8, _ low: UInt8) -> UInt8? {
        guard let high = digitValue(high), let low = digitValue(low) else { return nil }
        return high << 4 | low
    }

    private static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        case UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "~"): true
        default: false
        }
    }

    private static func digitValue(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        default: nil
        }
    }
}
