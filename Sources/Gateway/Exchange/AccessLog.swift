import Access
import HTTP
import Registry
package import Telemetry
import Transport

/// Where access lines go and what they look like.
package struct AccessLogSettings: Sendable {
    let sink: LogSink
    let format: LogFormat
    /// Access lines are at `info`: a quieter log has none.
    let isOn: Bool

    package init(sink: LogSink, format: LogFormat, isOn: Bool) { (self.sink, self.format, self.isOn) = (sink, format, isOn) }
}

/// One line an exchange, whatever became of it; only what is rejected over and over is counted instead. A worker's own.
final class AccessLog {
    private let settings: AccessLogSettings
    private var clock = LogClock()
    private var buffer: [UInt8] = []
    private var rejections = RepeatedRejections()

    /// A path is cut here: names and digests are shorter.
    private static let maxTargetBytes = 1024
    /// Of a name that nobody has: it may be a token, pasted where the name belongs, and is then not logged whole.
    static let maxTriedUserBytes = 64
    /// What may be shown stands near the start: before and after it can be thousands of parameters of a guesser's.
    private static let targetBytesLookedAt = 4 << 10
    /// Query parameters that are no secret. A presigned URL's, or whatever a client makes up, are left out.
    private static let parametersShown = ["n", "last", "digest", "mount", "from", "ns", "artifactType"].map { Array($0.utf8) }

    init(_ settings: AccessLogSettings) { self.settings = settings }

    func write(_ record: borrowing ExchangeRecord, of head: Head) {
        guard settings.isOn else { return }
        if record.isRejection {
            guard
                mayWrite(
                    record.client, record.clientText, record.operation, record.status, record.reason ?? "",
                    isFailedLogin: record.triedUser != nil)
            else { return }
        }
        var line = LogLine(settings.format, level: "info", message: "access".utf8, clock: &clock, in: buffer)
        line.field("request_id", record.requestID)
        line.field("client", record.clientText)
        if let principal = record.principal { line.field("user", principal.name.utf8) }
        if let tried = record.triedUser { line.field("user_tried", tried.prefix(Self.maxTriedUserBytes)) }
        line.field("method", head.method.token)
        line.field("path", Self.shown(head.target))
        line.field("operation", record.operation.rawValue.utf8)
        line.field("status", record.status)
        line.field("received", record.received)
        line.field("sent", record.sent)
        line.field("seconds", nanoseconds: record.nanoseconds)
        if let upstream = record.upstream { line.field("upstream", upstream.name.utf8) }
        if record.replays > 0 { line.field("replays", record.replays) }
        line.field("end", record.end)
        if let reason = record.reason { line.field("reason", reason.utf8) }
        finish(line)
    }

    /// What was answered before it was a request.
    func write(_ error: RegistryError, end: StaticString, requestID: [UInt8], from client: SocketAddress) {
        guard settings.isOn, mayWrite(client, Array(client.host.utf8), .other, error.status, error.message) else { return }
        var line = LogLine(settings.format, level: "info", message: "access".utf8, clock: &clock, in: buffer)
        line.field("request_id", requestID)
        line.field("client", client.host.utf8)
        line.field("operation", RegistryOperation.other.rawValue.utf8)
        line.field("status", error.status)
        line.field("end", end)
        line.field("reason", error.message.utf8)
        finish(line)
    }

    func write(_ error: any Error, from client: SocketAddress) {
        guard settings.isOn, mayWrite(client, Array(client.host.utf8), .other, 0, "\(error)") else { return }
        var line = LogLine(settings.format, level: "info", message: "handshake failed".utf8, clock: &clock, in: buffer)
        line.field("client", client.host.utf8)
        line.field("reason", "\(error)".utf8)
        finish(line)
    }

    private func mayWrite(
        _ client: SocketAddress, _ clientText: [UInt8], _ operation: RegistryOperation, _ status: Int, _ reason: String,
        isFailedLogin: Bool = false
    ) -> Bool {
        rejections.mayWrite(
            .init(client: client.clientNetwork, operation: operation, status: status, isFailedLogin: isFailedLogin), now: .now
        ) { .init(client: clientText, operation: operation, status: status, reason: reason) }
    }

    /// Tells how often what was not written came, of the intervals that are over. To be called now and then.
    /// - Parameter all: of all of them: at the end.
    func writeRepeats(all: Bool = false) {
        let (told, others) = rejections.take(now: .now, all: all)
        for repeats in told {
            var line = LogLine(settings.format, level: "info", message: "rejections repeated".utf8, clock: &clock, in: buffer)
            line.field("client", repeats.client)
            line.field("operation", repeats.operation.rawValue.utf8)
            line.field("status", repeats.status)
            line.field("reason", repeats.reason.utf8)
            line.field("count", repeats.count)
            finish(line)
        }
        guard others > 0 else { return }
        var line = LogLine(settings.format, level: "info", message: "rejections of many clients".utf8, clock: &clock, in: buffer)
        line.field("count", others)
        finish(line)
    }

    private func finish(_ line: consuming LogLine) {
        buffer = line.finished()
        settings.sink.append(buffer)
        buffer.removeAll(keepingCapacity: true)
    }

    /// A request target as it may be logged.
    static func shown(_ target: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        let target = target.prefix(targetBytesLookedAt)
        guard let mark = target.firstIndex(of: UInt8(ascii: "?")) else { return target.prefix(maxTargetBytes) }
        let pairs = target[(mark + 1)...].split(separator: UInt8(ascii: "&")).filter { pair in
            parametersShown.contains { pair.prefix { $0 != UInt8(ascii: "=") }.elementsEqual($0) }
        }
        guard !pairs.isEmpty else { return target[..<mark].prefix(maxTargetBytes) }
        return (target[...mark] + pairs.joined(separator: [UInt8(ascii: "&")])).prefix(maxTargetBytes)
    }
}
