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
    let digests = RecentDigests()
    let reads = SharedReads(), questions = SharedReads()
    private var pressure = Pressure()
    private var snapshotReader: Published<ConfigurationSnapshot>.Reader
    private let accessLog: AccessLog
    private let usage: WorkerUsage
    private var requestIDs = IdentifierSequence()
    /// The two halves of new traces' ids.
    private var traceIDs = (high: IdentifierSequence(), low: IdentifierSequence())

    init(
        upstreams: WorkerUpstreams, metrics: WorkerMetrics, usage: Usage, snapshot: Published<ConfigurationSnapshot>,
        logins: Logins, accessLog: sending AccessLog
    ) {
        (self.upstreams, self.metrics, self.accessLog) = (upstreams, metrics, accessLog)
        self.usage = WorkerUsage(usage)
        authenticator = Authenticator(logins)
        snapshotReader = .init(snapshot)
    }

    /// The configuration as last published. Read once for each exchange.
    func snapshot() -> ConfigurationSnapshot { snapshotReader.read() }

    /// The record of a request that begins.
    /// - Parameter former: of the connection's exchange before, which is over; nil: there was none.
    func record(of request: Request, reusing former: ExchangeRecord?) -> ExchangeRecord {
        let connection = request.connection, trace = trace(of: request.head)
        guard let former else {
            return ExchangeRecord(connection.peer, connection.peerText, sentBefore: connection.stream.sent, trace: trace)
        }
        former.reset(connection.peer, connection.peerText, sentBefore: connection.stream.sent, trace: trace)
        return former
    }

    /// Whether a request that has just come is sent away, since the worker has too much to do.
    func sheds(_ record: ExchangeRecord, on loop: EventLoop) -> Bool {
        let now = record.start
        if pressure.isDue(at: now) { pressure.waited(ContinuousClock.now - loop.roundStart, at: now) }
        return pressure.sheds(record.operation, at: now)
    }

    /// The trace that a request goes on with, or a new one. Its span is the request's id.
    private func trace(of head: Head) -> TraceContext {
        let span = requestIDs.next()
        return TraceContext(head, span: span) ?? TraceContext(high: traceIDs.high.next(), low: traceIDs.low.next(), span: span)
    }

    /// 16 hexadecimal digits.
    private func nextRequestID() -> [UInt8] {
        var digits: [UInt8] = []
        digits.append(hexadecimal: requestIDs.next())
        return digits
    }

    // MARK: Counters and log

    /// Counts and logs an exchange that is over.
    /// - Parameter last: of its connection.
    func finish(_ record: ExchangeRecord, of head: Head, last: LastRequest) {
        metrics.request(
            operation: record.operation.index, status: record.status, seconds: Double(record.nanoseconds) / 1e9)
        if let cache = record.cache, record.status < 400 { metrics.cacheRequest(result: cache.rawValue) }
        if let transfer = record.transfer { upstreams.transfers.end(transfer) }
        record.count(in: usage, last: &last.usage)
        accessLog.write(record, of: head)
    }

    /// The response to bytes that are no request, counted and logged.
    func reject(_ error: HeadError, from client: SocketAddress, on loop: EventLoop) -> [UInt8] {
        // docker and podman try TLS at every plain listener first.
        reject(
            ErrorResponse(.unsupported, "\(error.reason)", status: error.status), end: "malformed", from: client, on: loop,
            isExpected: error == .tlsRecord)
    }

    /// The only response on a connection without a request.
    /// - Parameters:
    ///   - end: why the connection ends, for the log.
    ///   - isExpected: it is no error to tell the operator of.
    func reject(
        _ response: ErrorResponse, end: StaticString, from client: SocketAddress, on loop: EventLoop, isExpected: Bool = false
    ) -> [UInt8] {
        let id = nextRequestID(), text = String(decoding: id, as: UTF8.self)
        metrics.request(operation: RegistryOperation.other.index, status: response.error.status, seconds: 0)
        accessLog.write(response.error, end: end, requestID: id, from: client, isExpected: isExpected)
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
