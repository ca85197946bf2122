import Access
import Glibc
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
    private var line = LogLine()
    private var rejections = RepeatedRejections()

    /// Bytes of a target that are logged: names and digests are shorter.
    private static let maxTargetBytes = 1024
    /// Bytes of an unknown user name that are logged: it may be a token, pasted where the name belongs.
    static let maxTriedUserBytes = 64
    /// Bytes of a target that are searched for parameters to show: an attacker's may have thousands.
    private static let targetBytesLookedAt = 4 << 10
    /// Query parameters that are no secret. All others are left out: those of a presigned URL, or whatever a client sends.
    private static let parametersShown: [StaticString] = ["n", "last", "digest", "mount", "from", "ns", "artifactType"]

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
        let format = sink.format
        guard !format.isForTerminal else { return writeShort(record, of: head, format) }
        line.begin(format, level: "info", message: "access", clock: &clock)
        line.field("request_id", hexadecimal: record.trace.span)
        line.field("client", record.clientText)
        if let user = record.user { line.field("user", user.utf8) }
        if let tried = record.triedUser { line.field("user_tried", tried.prefix(Self.maxTriedUserBytes)) }
        line.field("method", head.method.token)
        head.target.withUnsafeBufferPointer { target in Self.withShown(target) { line.field("path", $0) } }
        line.field("operation", record.operation.label)
        line.field("status", record.status)
        line.field("received", record.received)
        line.field("sent", record.sent)
        line.field("seconds", nanoseconds: record.nanoseconds)
        if let upstream = record.upstream { line.field("upstream", upstream.utf8) }
        if let registry = record.registry { line.field("registry", registry.utf8) }
        if let cache = record.cache { line.field("cache", cache.label) }
        if record.replays > 0 { line.field("replays", record.replays) }
        line.field("trace_id", hexadecimal: record.trace.high, record.trace.low)
        if let parent = record.trace.parent { line.field("parent_id", hexadecimal: parent) }
        line.field("end", record.end)
        if let reason = record.reason { line.field("reason", reason.utf8) }
        finish()
    }

    private func addFailure(_ record: ExchangeRecord) {
        if let error = Failure.error(of: record) { errors.add(error) }
    }

    private func writeShort(_ record: ExchangeRecord, of head: Head, _ format: LogFormat) {
        line.begin(onTerminal: format)
        TerminalAccessLine(record: record, head: head).write(to: &line)
        finish()
    }

    /// Logs a response to bytes that were no request, or to a connection that was turned away.
    /// - Parameter isExpected: clients that work do so too; the list of errors would be full of it.
    func write(
        _ error: RegistryError, end: StaticString, requestID: [UInt8], from client: SocketAddress, isExpected: Bool = false
    ) {
        guard mayWrite(client, Array(client.host.utf8), .other, error.status, error.message) else { return }
        if !isExpected { errors.add(Failure.error(of: error, end: end, requestID: requestID, client: client.host)) }
        guard sink.hasAccessLines else { return }
        line.begin(sink.format, level: "info", message: "access", clock: &clock)
        line.field("request_id", requestID)
        line.field("client", client.host.utf8)
        line.field("operation", RegistryOperation.other.label)
        line.field("status", error.status)
        line.field("end", end)
        line.field("reason", error.message.utf8)
        finish()
    }

    func write(_ error: any Error, from client: SocketAddress) {
        guard mayWrite(client, Array(client.host.utf8), .other, 0, "\(error)") else { return }
        errors.add(Failure.error(ofHandshake: error, client: client.host))
        guard sink.hasAccessLines else { return }
        line.begin(sink.format, level: "info", message: "handshake failed", clock: &clock)
        line.field("client", client.host.utf8)
        line.field("reason", "\(error)".utf8)
        finish()
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
            line.begin(sink.format, level: "info", message: "rejections repeated", clock: &clock)
            line.field("client", repeats.client)
            line.field("operation", repeats.operation.label)
            line.field("status", repeats.status)
            line.field("reason", repeats.reason.utf8)
            line.field("count", repeats.count)
            finish()
        }
        guard others > 0 else { return }
        line.begin(sink.format, level: "info", message: "rejections of many clients", clock: &clock)
        line.field("count", others)
        finish()
    }

    private func finish() {
        line.end()
        sink.append(line)
    }

    /// A request target as it may be logged.
    static func shown(_ target: ArraySlice<UInt8>) -> [UInt8] {
        target.withUnsafeBufferPointer { target in withShown(target) { Array($0) } }
    }

    /// Calls `body` with a request target as it may be logged: in place where nothing has to be left out.
    private static func withShown<Result>(
        _ target: UnsafeBufferPointer<UInt8>, _ body: (UnsafeBufferPointer<UInt8>) -> Result
    ) -> Result {
        let target = UnsafeBufferPointer(rebasing: target.prefix(targetBytesLookedAt))
        guard let start = target.baseAddress, let found = memchr(start, Int32(UInt8(ascii: "?")), target.count) else {
            return body(UnsafeBufferPointer(rebasing: target.prefix(maxTargetBytes)))
        }
        let mark = UnsafeRawPointer(start).distance(to: found)
        return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: target.count) { shown in
            // The path, then a question mark or an ampersand before each parameter that may be shown.
            var count = mark
            _ = shown.update(fromContentsOf: target[..<mark])
            for pair in target[(mark + 1)...].split(separator: UInt8(ascii: "&")) where isShown(pair) {
                shown[count] = count == mark ? UInt8(ascii: "?") : UInt8(ascii: "&")
                _ = UnsafeMutableBufferPointer(rebasing: shown[(count + 1)...]).update(fromContentsOf: pair)
                count += 1 + pair.count
            }
            return body(UnsafeBufferPointer(rebasing: shown[..<min(count, maxTargetBytes)]))
        }
    }

    private static func isShown(_ parameter: Slice<UnsafeBufferPointer<UInt8>>) -> Bool {
        let name = parameter.prefix { $0 != UInt8(ascii: "=") }
        return parametersShown.contains { name.elementsEqual($0.utf8Bytes) }
    }
}
