import Glibc

/// Formats log times: RFC 3339 in UTC with milliseconds. Keeps the text of the second, which thousands of lines share.
package struct LogClock {
    private var second = -1
    /// `2026-01-31T12:00:00.___Z` as it lies in memory, eight bytes in each.
    private var text: (UInt64, UInt64, UInt64) = (0, 0, 0)

    private static let length = 24, fraction = 20

    /// Formats nothing until a line is begun.
    package init() {}

    /// Appends the current time: `2026-01-31T12:00:00.000Z`.
    mutating func append(to line: inout LineBuffer) {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        if now.tv_sec != second { format(now.tv_sec) }
        let at = line.room(Self.length)
        at.storeBytes(of: text.0, as: UInt64.self)
        at.storeBytes(of: text.1, toByteOffset: 8, as: UInt64.self)
        at.storeBytes(of: text.2, toByteOffset: 16, as: UInt64.self)
        LineBuffer.write(UInt(now.tv_nsec) / 1_000_000, digits: 3, to: at + Self.fraction)
        line.advance(Self.length)
    }

    private mutating func format(_ time: Int) {
        var parts = tm()
        var seconds = time
        gmtime_r(&seconds, &parts)
        second = time
        var line = LineBuffer()
        for (value, width, separator) in [
            (Int(parts.tm_year) + 1900, 4, "-"), (Int(parts.tm_mon) + 1, 2, "-"), (Int(parts.tm_mday), 2, "T"),
            (Int(parts.tm_hour), 2, ":"), (Int(parts.tm_min), 2, ":"), (Int(parts.tm_sec), 2, ".000Z"),
        ] as [(Int, Int, StaticString)] {
            line.append(decimal: value, width: width)
            line.append(separator)
        }
        let bytes = UnsafeRawBufferPointer(line.bytes)
        text = (
            bytes.loadUnaligned(as: UInt64.self), bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self),
            bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self)
        )
    }

    /// Appends the time of day where this machine is: `12:00:00`.
    static func appendTimeOfDay(to line: inout LineBuffer) {
        var seconds = time(nil)
        var parts = tm()
        localtime_r(&seconds, &parts)
        line.append(decimal: Int(parts.tm_hour), width: 2)
        line.append(":")
        line.append(decimal: Int(parts.tm_min), width: 2)
        line.append(":")
        line.append(decimal: Int(parts.tm_sec), width: 2)
    }
}
