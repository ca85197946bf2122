import Testing

@testable import HTTP

struct PercentEncodingTests {
    /// RFC 3986 2.2 and 2.3.
    static let unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
    static let reserved = ":/?#[]@!$&'()*+,;="

    @Test func `unreserved characters stay as they are, and all other bytes are encoded`() {
        for byte in UInt8.min...UInt8.max {
            let encoded = PercentEncoding.encode([byte])
            #expect(encoded.count == (Self.unreserved.utf8.contains(byte) ? 1 : 3))
            #expect(PercentEncoding.decode(encoded[...]) == [byte])
        }
        #expect(PercentEncoding.encode(Self.reserved) == "%3A%2F%3F%23%5B%5D%40%21%24%26%27%28%29%2A%2B%2C%3B%3D")
    }

    @Test(arguments: [
        ("", ""), ("a b", "a%20b"), ("ä", "%C3%A4"), ("a%20b", "a%2520b"),
        ("arn:aws:iam::1:role/a", "arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fa"),
    ])
    func `text is encoded by its UTF-8 bytes, with upper-case digits`(text: String, encoded: String) {
        #expect(PercentEncoding.encode(text) == encoded)
    }

    @Test func `a path keeps its slashes when it is encoded`() {
        #expect(PercentEncoding.encode("/a b/%2F", keepingSlashes: true) == "/a%20b/%252F")
    }

    @Test(arguments: [
        ("%41%5a%5A", "AZZ"), ("%2520", "%20"), ("a+b", "a+b"), ("%C3%A4", "ä"), ("100%", "100%"), ("%4", "%4"), ("%4x%41", "%4xA"),
        ("%%41", "%A"), ("%+1", "%+1"), ("%g0", "%g0"), ("%c3", "\u{FFFD}"),
    ])
    func `escapes are decoded once, in either case, and malformed ones stay as they are`(encoded: String, text: String) {
        #expect(PercentEncoding.decode(encoded) == text)
    }

    @Test func `a plus sign is a space only in forms, and an encoded plus sign never is`() {
        #expect(PercentEncoding.decode("a+b%2B", plusIsSpace: true) == "a b+")
        #expect(PercentEncoding.decode("a+b%2B") == "a+b+")
    }

    @Test(
        arguments: [
            ("", ""), ("main", "main"), ("a%2Fb", "a/b"), ("%C3%A4", "ä"), ("%", nil), ("a%4", nil), ("%zz", nil), ("%%41", nil),
            ("%c3", nil), ("%ff", nil),
        ] as [(String, String?)])
    func `strict decoding refuses malformed escapes and invalid UTF-8`(encoded: String, text: String?) {
        #expect(PercentEncoding.decodeStrictly(encoded) == text)
    }

    @Test func `an escape needs two hexadecimal digits`() {
        for high in UInt8.min...UInt8.max {
            for low in UInt8.min...UInt8.max {
                let digits = [high, low].map { Character(UnicodeScalar($0)) }
                let value = digits.allSatisfy { $0.isASCII && $0.isHexDigit } ? UInt8(String(digits), radix: 16) : nil
                #expect(PercentEncoding.escapedByte([high, low]) == value)
            }
        }
        #expect(PercentEncoding.escapedByte([]) == nil && PercentEncoding.escapedByte([0x41]) == nil)
    }
}
