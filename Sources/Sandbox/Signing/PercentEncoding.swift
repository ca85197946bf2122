/// RFC 3986 percent-encoding as AWS wants it in canonical requests: everything but the unreserved characters, upper case.
enum PercentEncoding {
    private static let digits = Array("0123456789ABCDEF".utf8)

    /// - Parameter safe: characters left alone besides letters, digits and `-_.~`.
    static func encode(_ text: String, safe: String = "") -> String {
        var out: [UInt8] = []
        for byte in text.utf8 {
            if (byte | 0x20) &- 97 < 26 || byte &- 48 < 10 || "-_.~".utf8.contains(byte) || safe.utf8.contains(byte) {
                out.append(byte)
            } else {
                out += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    /// Once. A percent sign without two digits behind it stands for itself.
    static func decode(_ text: String, plusIsSpace: Bool = false) -> String {
        let bytes = Array(text.utf8)
        var out: [UInt8] = []
        var at = 0
        while at < bytes.count {
            if bytes[at] == UInt8(ascii: "%"), at + 2 < bytes.count, let high = value(bytes[at + 1]), let low = value(bytes[at + 2])
            {
                out.append(high << 4 | low)
                at += 3
            } else {
                out.append(plusIsSpace && bytes[at] == UInt8(ascii: "+") ? 32 : bytes[at])
                at += 1
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    private static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case 48...57: digit - 48
        case 65...70, 97...102: (digit | 0x20) - 87
        default: nil
        }
    }

    /// `a=1&b` → (a, 1), (b, ""), still encoded.
    static func pairs(of query: String) -> [(String, String)] {
        query.split(separator: "&").map { pair in
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return (String(parts[0]), parts.count > 1 ? String(parts[1]) : "")
        }
    }
}
