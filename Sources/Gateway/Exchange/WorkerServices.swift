import Access
import HTTP
import HTTPServer
import Registry
import Telemetry
import Transport

/// What the exchanges of one worker share: the configuration, upstreams, logins, counters and the log. Confined to its loop.
final class WorkerServices {
    let upstreams: WorkerUpstreams
    let metrics: WorkerMetrics
    let authenticator: Authenticator
    let lists = RecentLists()
    private var snapshotReader: Published<ConfigurationSnapshot>.Reader
    private let accessLog: AccessLog
    private var requestNumber = UInt64.random(in: 0 ... .max)

    init(
        upstreams: WorkerUpstreams, metrics: WorkerMetrics, snapshot: Published<ConfigurationSnapshot>, logins: Logins,
        accessLog: sending AccessLog
    ) {
        (self.upstreams, self.metrics, self.accessLog) = (upstreams, metrics, accessLog)
        authenticator = Authenticator(logins)
        snapshotReader = .init(snapshot)
    }

    /// The configuration as last published. An exchange reads it once.
    func snapshot() -> ConfigurationSnapshot { snapshotReader.read() }

    /// 16 hexadecimal digits. They do not repeat for this worker: a full-period sequence, mixed so that neighbours look unlike each other.
    func nextRequestID() -> [UInt8] {
        requestNumber &+= 0x9e37_79b9_7f4a_7c15
        var mixed = requestNumber
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        mixed ^= mixed >> 31
        return [UInt8](unsafeUninitializedCapacity: 16) { digits, count in
            for index in 0..<16 {
                let digit = UInt8(truncatingIfNeeded: mixed >> UInt64(60 - 4 * index)) & 15
                digits[index] = digit < 10 ? 48 + digit : 87 + digit
            }
            count = 16
        }
    }

    // MARK: Counters and log

    /// Counts and logs an exchange that is over.
    func finish(_ record: ExchangeRecord, of head: Head) {
        metrics.request(
            operation: record.operation.index, status: record.status, seconds: Double(record.nanoseconds) / 1e9)
        accessLog.write(record, of: head)
    }

    /// The response to bytes that are no request, counted and logged.
    func reject(_ error: HeadError, from client: SocketAddress, on loop: EventLoop) -> [UInt8] {
        reject(ErrorResponse(.unsupported, "\(error.reason)", status: error.status), end: "malformed", from: client, on: loop)
    }

    /// The only response on a connection without a request.
    /// - Parameter end: why the connection ends, for the log.
    func reject(_ response: ErrorResponse, end: StaticString, from client: SocketAddress, on loop: EventLoop) -> [UInt8] {
        let id = nextRequestID(), text = String(decoding: id, as: UTF8.self)
        metrics.request(operation: RegistryOperation.other.index, status: response.error.status, seconds: 0)
        accessLog.write(response.error, end: end, requestID: id, from: client)
        return LastResponse.bytes(
            response.error.status, fields: response.fields + [("Berth-Request-Id", text)],
            body: response.error.json(requestID: text), on: loop)
    }

    /// Logs a connection that was closed without a response.
    func logTurnedAway(_ client: SocketAddress, _ response: ErrorResponse) {
        accessLog.write(response.error, end: "turned_away", requestID: nextRequestID(), from: client)
    }

    func logHandshakeFailure(_ error: any Error, from client: SocketAddress) { accessLog.write(error, from: client) }

    /// Writes how often rejections repeated that were not logged one by one.
    /// - Parameter all: also those of the interval that is not over yet.
    func writeRepeatedRejections(all: Bool = false) { accessLog.writeRepeats(all: all) }

    /// To be called every few seconds.
    func sweep() {
        upstreams.sweep(snapshot().upstreams)
        writeRepeatedRejections()
    }
}
