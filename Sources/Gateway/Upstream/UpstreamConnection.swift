import Crypto
import HTTP
import HTTPServer
import Transport

/// A TLS connection to an upstream and the one exchange that is on it. What it throws is the upstream's failure. Confined to its worker's
/// loop.
final class UpstreamConnection {
    let stream: SocketStream
    /// The peer's, or the proxy's.
    let address: SocketAddress
    /// The connections to the same origin.
    let group: ConnectionGroup
    /// What its certificate was checked against.
    let tls: TLSClient
    /// The response's head.
    let head = Head()
    /// It has carried an exchange before: the upstream may have closed it a moment ago.
    var isReused = false
    /// Since when it has been in the pool.
    var idleSince = ContinuousClock.now
    /// The exchange ended by a failure of the upstream.
    private(set) var hasFailed = false

    private let reader: MessageReader
    private var isRequestSent = false
    /// When all of the request had been sent, in nanoseconds of a clock that only goes forward.
    private var requestEnd = 0
    private var isHeadComplete = false
    private var interimResponses = 0

    /// Servers send 100 (Continue), and perhaps a few 103. More than this many are an attack.
    private static let maxInterimResponses = 16
    /// ECR's own heads are under 2 KiB and S3's under 1; a redirect carries a URL with a session token of several.
    private static let limits = HeadLimits(bytes: 64 << 10, fields: 200)
    /// Bytes read at once while a head is expected.
    private static let headRead = 16 << 10

    /// Where the stream's events go while nobody uses the connection.
    let idleWaiter = Waiter()

    init(_ stream: SocketStream, to address: SocketAddress, in group: ConnectionGroup, tls: TLSClient) {
        (self.stream, self.address, self.group, self.tls) = (stream, address, group, tls)
        group.open += 1
        reader = MessageReader(
            stream, limits: Self.limits, truncation: "the upstream closed in the middle of its response")
    }

    deinit { group.open -= 1 }

    /// A request begins: nothing of the last response counts any more.
    func begin() {
        isRequestSent = false
        hasFailed = false
        isHeadComplete = false
        interimResponses = 0
        reader.beginMessage()
        head.removeAll()
    }

    /// The request has been sent whole: the response decides when the connection is free again.
    func finishRequest() { (isRequestSent, requestEnd) = (true, BootClock.now) }

    /// Since the end of the request, in seconds; 0: the response has come before.
    var responseTime: Double {
        isRequestSent ? Double(BootClock.now - requestEnd) / 1e9 : 0
    }

    /// Bytes of the response have come: the upstream has seen the request.
    var hasReceivedBytes: Bool { reader.received > 0 }

    /// What a failure of this exchange was.
    /// - Throws: the client's failure.
    func fault(_ failure: ConnectionFailure) throws(ConnectionFailure) -> AttemptFault {
        guard failure.side == .upstream else { throw failure }
        if failure.isStall { return .stalled }
        if failure.cause is HeadError { return .malformed }
        return isReused && !hasReceivedBytes ? .stale : .broken
    }

    /// Seconds, as the response asks for; nil: it does not.
    var retryAfter: Int? {
        head.value(of: .retryAfter).flatMap { Int(String(decoding: $0, as: UTF8.self)) }.flatMap { $0 >= 0 ? $0 : nil }
    }

    /// The exchange has ended in order, and the upstream keeps the connection open.
    var isReusable: Bool {
        isRequestSent && isHeadComplete && reader.isBodyDone && head.keepsAlive && !reader.hasBufferedInput && stream.isOpen
            && !stream.hasPending
    }

    var isBodyDone: Bool { reader.isBodyDone }
    /// Payload that is still to come; nil: not known.
    var remainingLength: Int? { reader.remainingLength }

    /// A failure of the upstream ends the exchange.
    private func failure(_ error: any Error) -> ConnectionFailure {
        if (error as? TransportError)?.kind != .cancelled { hasFailed = true }
        return ConnectionFailure(.upstream, error)
    }

    /// Nothing came in the time allowed, as the caller has found.
    func noteStall() { hasFailed = true }

    /// It had been closed before the request came.
    var isStale: Bool { isReused && !hasReceivedBytes }
    /// The exchange ended in order, but the server keeps the connection open for no further one.
    var isClosedByServer: Bool { isRequestSent && isHeadComplete && reader.isBodyDone && !head.keepsAlive }
    /// The response says that the server failed.
    var isServerError: Bool { isHeadComplete && (head.status == 500 || (502...504).contains(head.status)) }

    // MARK: The request

    /// What the socket takes without a wait.
    /// - Returns: as `SocketStream.begin`.
    func begin(_ output: OutputBuffer) throws(ConnectionFailure) -> [UInt8]? {
        do { return try stream.begin(output.bytes) } catch { throw failure(error) }
    }

    /// All of it.
    func write(_ bytes: [UInt8], timeout: Duration) async throws {
        do { try await stream.write(bytes, timeout: timeout) } catch { throw failure(error) }
    }

    /// What the socket takes without a wait.
    func tryWrite(_ bytes: UnsafeRawBufferPointer) throws(ConnectionFailure) -> Int {
        do { return try stream.tryWrite(bytes) } catch { throw failure(error) }
    }

    // MARK: The response

    /// Reads what has come of the response's head. true when it is complete, however often it is asked: an upload looks for it between two
    /// writes, and what follows is body. Interim responses (1xx) are skipped, up to a bound.
    func tryReadHead(toHead: Bool, scratch: UnsafeMutableRawBufferPointer) throws(ConnectionFailure) -> Bool {
        do { return try readHead(toHead: toHead, scratch: scratch) } catch { throw failure(error) }
    }

    private func readHead(toHead: Bool, scratch: UnsafeMutableRawBufferPointer) throws -> Bool {
        while !isHeadComplete {
            while try reader.tryTakeHead(head, as: .response(toHead: toHead)) {
                if head.status >= 200 {
                    reader.beginBody(head.framing)
                    isHeadComplete = true
                    return true
                }
                interimResponses += 1
                guard interimResponses <= Self.maxInterimResponses else {
                    throw TransportError(.system, call: "recv", reason: "more than \(Self.maxInterimResponses) interim responses")
                }
            }
            switch try reader.tryReceive(through: UnsafeMutableRawBufferPointer(rebasing: scratch.prefix(Self.headRead))) {
            case .bytes: continue
            case .end: throw TransportError(.closed, call: "recv", reason: "the upstream closed before it responded")
            case .wantsRead, .wantsWrite: return false
            }
        }
        return true
    }

    /// Waits for the response's head.
    func readHead(toHead: Bool, scratch: UnsafeMutableRawBufferPointer, timeout: Duration) async throws {
        // Right after the request nothing can be there: trying would cost a call for each request.
        if !isHeadComplete, !reader.hasBufferedInput, !stream.hasPending { try await waitUntilReadable(timeout: timeout) }
        guard try !tryReadHead(toHead: toHead, scratch: scratch) else { return }
        try await readRestOfHead(toHead: toHead, scratch: scratch, timeout: timeout)
    }

    /// Apart, since most heads come whole. Swift 6.3 crashes when it inlines this.
    @inline(never)
    private func readRestOfHead(toHead: Bool, scratch: UnsafeMutableRawBufferPointer, timeout: Duration) async throws {
        let start = isRequestSent ? requestEnd : BootClock.now
        while try !tryReadHead(toHead: toHead, scratch: scratch) {
            guard .nanoseconds(BootClock.now - start) < timeout else {
                throw failure(TransportError(.timedOut, call: "recv", reason: "no response in \(timeout)"))
            }
            try await waitUntilReadable(timeout: timeout)
        }
    }

    func waitUntilReadable(timeout: Duration) async throws {
        do { try await stream.waitUntilReadable(timeout: timeout) } catch { throw failure(error) }
    }

    func waitUntilWritable(timeout: Duration) async throws {
        do { try await stream.waitUntilWritable(timeout: timeout) } catch { throw failure(error) }
    }

    /// Payload that is there now, at the front of `buffer`.
    func tryRead(into buffer: UnsafeMutableRawBufferPointer) throws(ConnectionFailure) -> BodyProgress {
        do { return try reader.tryRead(into: buffer) } catch { throw failure(error) }
    }

    /// Payload of the response that has been read so far.
    var payloadReceived: Int { reader.payloadReceived }

    /// The whole body, if it has come with the head. As `MessageReader.arrivedBody`.
    var arrivedBody: UnsafeRawBufferPointer? { reader.arrivedBody }

    /// The whole body when it has at most `limit` bytes.
    /// - Returns: nil: it has more.
    func collect(upTo limit: Int, scratch: UnsafeMutableRawBufferPointer, timeout: Duration) async throws -> [UInt8]? {
        do { return try await reader.collect(upTo: limit, scratch: scratch, timeout: timeout) } catch {
            throw failure(error)
        }
    }
}
