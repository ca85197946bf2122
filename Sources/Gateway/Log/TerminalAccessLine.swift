import HTTP
import Telemetry

/// An exchange in a few words, for a person at a terminal: `12:00:00 200 GET    /v2/team/app/manifests/1 ci 1.2 KiB 12 ms`. What went wrong follows.
struct TerminalAccessLine {
    let record: ExchangeRecord
    let head: Head

    func write(to line: inout LogLine) {
        if record.status > 0 { line.word(record.status, colour) } else { line.word("---", .red) }
        line.word(head.method.token, width: Self.methodColumn)
        line.word(Self.shortened(AccessLog.shown(head.target)[...])[...])
        if let user = record.user {
            line.word(Array(user.utf8)[...], .cyan)
        } else if let tried = record.triedUser {
            line.word(tried.prefix(AccessLog.maxTriedUserBytes), .yellow)
        } else {
            line.word("-", .dim)
        }
        line.word(Self.size(max(record.received, record.sent))[...], .dim)
        line.word(Self.time(record.nanoseconds)[...], .dim)
        if let cache = record.cache { line.word(cache.label, .dim) }
        if record.replays > 0 { line.field("replays", record.replays) }
        if let registry = record.registry { line.field("registry", registry.utf8) }
        if !record.isComplete { line.word(record.end, .red) }
        if record.status >= 400 || !record.isComplete, let reason = record.reason {
            line.word("-", .dim)
            line.word(Array(reason.utf8)[...])
        }
    }

    private var colour: TerminalColour {
        switch record.status {
        case ..<300: .green
        case ..<400: .cyan
        case ..<500: .yellow
        default: .red
        }
    }

    /// The longest method, `DELETE`.
    private static let methodColumn = 6

    /// With digests cut to as much as people compare: `sha256:0123456789ab..`.
    static func shortened(_ target: ArraySlice<UInt8>) -> [UInt8] {
        let algorithm = Array("sha256:".utf8)
        var short: [UInt8] = [], rest = target
        while let start = rest.firstIndex(of: algorithm[0]) {
            short += rest[..<start]
            rest = rest[start...]
            let digits = rest.dropFirst(algorithm.count).prefix { $0 &- 48 < 10 || $0 &- 97 < 6 }
            guard rest.starts(with: algorithm), digits.count > shownDigits else {
                short.append(rest.removeFirst())
                continue
            }
            short += algorithm + digits.prefix(shownDigits) + "..".utf8
            rest = rest[digits.endIndex...]
        }
        return short + rest
    }

    /// As docker shows of an image's id.
    private static let shownDigits = 12

    /// `512 B`, `1.2 KiB`.
    static func size(_ bytes: Int) -> [UInt8] {
        let units = ["B", "KiB", "MiB", "GiB", "TiB"]
        var tenths = bytes * 10, unit = 0
        while tenths >= 10_240, unit < units.count - 1 { (tenths, unit) = (tenths / 1024, unit + 1) }
        return Array((unit == 0 ? "\(bytes) B" : "\(tenths / 10).\(tenths % 10) \(units[unit])").utf8)
    }

    /// `3 ms`, `1.2 s`.
    static func time(_ nanoseconds: Int) -> [UInt8] {
        let milliseconds = nanoseconds / 1_000_000
        return Array((milliseconds < 1000 ? "\(milliseconds) ms" : "\(milliseconds / 1000).\(milliseconds % 1000 / 100) s").utf8)
    }
}
