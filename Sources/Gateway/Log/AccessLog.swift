import Access
import HTTP
import Registry
import Telemetry
import Transport

/// Writes one line for each exchange, however it ended; rejections that repeat are counted instead. A worker's own.
final class AccessLog {
    /// Access lines have the level `info`: where the sink's is higher, there are none.
    private let sink: LogSink
    /// Where failures go, whatever the level.
    private let errors: RecentErrors
    private var clock = LogClock()
    private var buffer: [UInt8] = []
    private var rejections = RepeatedRejections()

    /// Bytes of a target that are logged: names and digests are shorter.
    private static let maxTargetBytes = 1024
    /// Bytes of an unknown user name that are logged: it may be a token, pasted where the name belongs.
    static let maxTriedUserBytes = 64
    /// Bytes of a target that are searched for parameters to show: an attacker's may have thousands.
    private static let targetBytesLookedAt = 4 << 10
    /// Query parameters that are no secret. All others are left out: those of a presigned URL, or whatever a client sends.
    private static let parametersShown = ["n", "last", "digest", "mount", "from", "ns", "artifactType"].map { Array($0.utf8) }

    init(_ sink: LogSink, errors: RecentErrors) { (self.sink, self.errors) = (sink, errors) }

    func write(_ record: ExchangeRecord, of head: Head) {
        if record.isRejection {
            guard
                mayWrite(
                    record.client, record.clientText, record.operation, record.status, record.reason ?? "",
                    isFailedLogin: record.triedUser != nil)
            else { return }
        }
        if record.status >= 400 || !record.isComplete { addFailure(record) }
        guard sink.hasAccessLines else { return }
        guard !sink.format.isForTerminal else { return writeShort(record, of: head) }
        var line = LogLine(sink.format, level: "info", message: "access".utf8, clock: &clock, in: buffer)
        line.field("request_id", record.requestID)
        line.field("client", record.clientText)
        if let user = record.user { line.field("user", user.utf8) }
        if let tried = record.triedUser { line.field("user_tried", tried.prefix(Self.maxTriedUserBytes)) }
        line.field("method", head.method.token)
        line.field("path", Self.shown(head.target))
        line.field("operation", record.operation.rawValue.utf8)
        line.field("status", record.status)
        line.field("received", record.received)
        line.field("sent", record.sent)
        line.field("seconds", nanoseconds: record.nanoseconds)
        if let upstream = record.upstream { line.field("upstream", upstream.utf8) }
        if record.replays > 0 { line.field("replays", record.replays) }
        line.field("trace_id", hexadecimal: record.trace.high, record.trace.low)
        if let parent = record.trace.parent { line.field("parent_id", hexadecimal: parent) }
        line.field("end", record.end)
        if let reason = record.reason { line.field("reason", reason.utf8) }
        finish(line)
    }

    private func addFailure(_ record: ExchangeRecord) {
        if let error = Failure.error(of: record) { errors.add(error) }
    }

    private func writeShort(_ record: ExchangeRecord, of head: Head) {
        var line = LogLine(onTerminal: sink.format, in: buffer)
        TerminalAccessLine(record: record, head: head).write(to: &line)
        finish(line)
    }

    /// Logs a response to bytes that were no request, or to a connection that was turned away.
    func write(_ error: RegistryError, end: StaticString, requestID: [UInt8], from client: SocketAddress) {
        guard mayWrite(client, Array(client.host.utf8), .other, error.status, error.message) else { return }
        errors.add(Failure.error(of: error, end: end, requestID: requestID, client: client.host))
        guard sink.hasAccessLines else { return }
        var line = LogLine(sink.format, level: "info", message: "access".utf8, clock: &clock, in: buffer)
        line.field("request_id", requestID)
        line.field("client", client.host.utf8)
        line.field("operation", RegistryOperation.other.rawValue.utf8)
        line.field("status", error.status)
        line.field("end", end)
        line.field("reason", error.message.utf8)
        finish(line)
    }

    func write(_ error: any Error, from client: SocketAddress) {
        guard mayWrite(client, Array(client.host.utf8), .other, 0, "\(error)") else { return }
        errors.add(Failure.error(ofHandshake: error, client: client.host))
        guard sink.hasAccessLines else { return }
        var line = LogLine(sink.format, level: "info", message: "handshake failed".utf8, clock: &clock, in: buffer)
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

    /// Writes how often rejections repeated that were not logged one by one, in the intervals that are over.
    /// - Parameter all: also in those that are not over.
    func writeRepeats(all: Bool = false) {
        let (counted, others) = rejections.take(now: .now, all: all)
        guard sink.hasAccessLines else { return }
        for repeats in counted {
            var line = LogLine(sink.format, level: "info", message: "rejections repeated".utf8, clock: &clock, in: buffer)
            line.field("client", repeats.client)
            line.field("operation", repeats.operation.rawValue.utf8)
            line.field("status", repeats.status)
            line.field("reason", repeats.reason.utf8)
            line.field("count", repeats.count)
            finish(line)
        }
        guard others > 0 else { return }
        var line = LogLine(sink.format, level: "info", message: "rejections of many clients".utf8, clock: &clock, in: buffer)
        line.field("count", others)
        finish(line)
    }

    private func finish(_ line: consuming LogLine) {
        buffer = line.finished()
        sink.append(buffer)
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
