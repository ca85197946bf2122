import Glibc

/// The value of `Date` (RFC 9110 6.6.1), formatted once a second. Each loop has its own.
package struct DateClock {
    private var second = time_t.min
    private var text: [UInt8] = []

    /// Formats nothing until `now` is called.
    package init() {}

    /// `Thu, 01 Jan 2026 00:00:00 GMT` (RFC 9110 5.6.7).
    package mutating func now() -> [UInt8] {
        let now = time(nil)
        if now != second { (second, text) = (now, Self.value(of: now)) }
        return text
    }

    static func value(of second: time_t) -> [UInt8] {
        var (second, parts) = (second, tm())
        gmtime_r(&second, &parts)
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 32) { buffer in
            // The names are English, since no locale is ever set.
            let count = strftime(buffer.baseAddress, buffer.count, "%a, %d %b %Y %H:%M:%S GMT", &parts)
            return buffer.prefix(count).map { UInt8(bitPattern: $0) }
        }
    }
}
