import Glibc

/// How log lines are written: one line per event in all of them.
package enum LogFormat: Sendable, CaseIterable {
    /// Complete, for machines.
    case json
    /// Complete, `name=value`.
    case text
    /// Short, for a person at a terminal; `coloured` is the same with colours.
    case terminal, coloured

    /// Short lines when standard error is a terminal, otherwise JSON.
    package static var automatic: LogFormat { onTerminal(otherwise: .json) }

    /// Short lines when standard error is a terminal, with colours if they are wanted.
    package static func onTerminal(otherwise format: LogFormat) -> LogFormat {
        guard isatty(STDERR_FILENO) == 1 else { return format }
        return TerminalColour.areShown(on: STDERR_FILENO) ? .coloured : .terminal
    }

    /// Lines are short and for a person.
    package var isForTerminal: Bool { self == .terminal || self == .coloured }
}

/// Formats log times: RFC 3339 in UTC with milliseconds. Keeps the text of the second, which thousands of lines share.
package struct LogClock {
    private var second = 0
    private var text: [UInt8] = []

    /// Formats nothing until `append` is called.
    package init() {}

    /// Appends the current time: `2026-01-31T12:00:00.000Z`.
    package mutating func append(to line: inout [UInt8]) {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        if now.tv_sec != second || text.isEmpty {
            var parts = tm()
            var seconds = now.tv_sec
            gmtime_r(&seconds, &parts)
            second = now.tv_sec
            text = []
            for (value, width, separator) in [
                (Int(parts.tm_year) + 1900, 4, "-"), (Int(parts.tm_mon) + 1, 2, "-"), (Int(parts.tm_mday), 2, "T"),
                (Int(parts.tm_hour), 2, ":"), (Int(parts.tm_min), 2, ":"), (Int(parts.tm_sec), 2, "."),
            ] {
                Self.append(value, width: width, to: &text)
                text += separator.utf8
            }
        }
        line += text
        Self.append(now.tv_nsec / 1_000_000, width: 3, to: &line)
        line.append(UInt8(ascii: "Z"))
    }

    /// Appends the time of day where this machine is: `12:00:00`.
    static func appendTimeOfDay(to line: inout [UInt8]) {
        var seconds = time(nil)
        var parts = tm()
        localtime_r(&seconds, &parts)
        append(Int(parts.tm_hour), width: 2, to: &line)
        line.append(UInt8(ascii: ":"))
        append(Int(parts.tm_min), width: 2, to: &line)
        line.append(UInt8(ascii: ":"))
        append(Int(parts.tm_sec), width: 2, to: &line)
    }

    private static func append(_ value: Int, width: Int, to line: inout [UInt8]) {
        var divisor = 1
        for _ in 1..<width { divisor *= 10 }
        while divisor > 0 {
            line.append(UInt8(48 + value / divisor % 10))
            divisor /= 10
        }
    }
}
