import Glibc

/// Times in AWS's formats, in UTC; `seconds` are since 1970.
enum Moment {
    /// `20260101T000000Z`
    static func basic(_ seconds: Int) -> String { format(seconds, "%Y%m%dT%H%M%SZ") }
    /// `20260101`
    static func day(_ seconds: Int) -> String { format(seconds, "%Y%m%d") }
    /// `2026-01-01T00:00:00Z`
    static func extended(_ seconds: Int) -> String { format(seconds, "%Y-%m-%dT%H:%M:%SZ") }
    /// `Thu, 01 Jan 2026 00:00:00 GMT` (RFC 9110 5.6.7)
    static func http(_ seconds: Int) -> String { format(seconds, "%a, %d %b %Y %H:%M:%S GMT") }

    private static func format(_ seconds: Int, _ pattern: String) -> String {
        var time = time_t(seconds)
        var parts = tm()
        gmtime_r(&time, &parts)
        var text = [CChar](repeating: 0, count: 64)
        let count = strftime(&text, text.count, pattern, &parts)
        return String(decoding: text.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// `20260101T000000Z` → seconds; nil for anything else.
    static func parse(basic text: String) -> Int? {
        let bytes = Array(text.utf8)
        guard bytes.count == 16, bytes[8] == UInt8(ascii: "T"), bytes[15] == UInt8(ascii: "Z") else { return nil }
        func number(_ range: Range<Int>) -> Int32? {
            bytes[range].allSatisfy { $0 &- 48 < 10 } ? bytes[range].reduce(0) { $0 * 10 + Int32($1 - 48) } : nil
        }
        guard let year = number(0..<4), let month = number(4..<6), let day = number(6..<8), let hour = number(9..<11),
            let minute = number(11..<13), let second = number(13..<15)
        else { return nil }
        var parts = tm()
        (parts.tm_year, parts.tm_mon, parts.tm_mday) = (year - 1900, month - 1, day)
        (parts.tm_hour, parts.tm_min, parts.tm_sec) = (hour, minute, second)
        return Int(timegm(&parts))
    }
}
