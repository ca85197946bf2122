import Crypto
import HTTP
import HTTPServer
import Transport

/// A TLS connection to an upstream and the one exchange that is on it. Confined to its worker's loop.
final class UpstreamConnection {
    let stream: SocketStream
    let origin: Origin
    /// The answer's head.
    let head = Head()
    /// It has carried an exchange before: the upstream may have closed it a moment ago.
    var isReused = false
    /// Since when it lies in the pool.
    var idleSince = ContinuousClock.now
    private let reader: MessageReader
    /// Bytes of a request or of its answer are still to come: nothing else may be sent on it.
    private var isMidExchange = false

    private var isHeadWhole = false
    /// Of this exchange.
    private var interimResponses = 0

    /// 100 (Continue) and perhaps a few 103 are what servers send.
    private static let maxInterimResponses = 16
    /// ECR's own heads are under 2 KiB and S3's under 1; a redirect carries a URL with a session token of several.
    private static let limits = HeadLimits(bytes: 64 << 10, fields: 200)

    private let count: OpenCount

    init(_ stream: SocketStream, origin: Origin, counted count: OpenCount) {
        self.count = count
        count.value += 1
        self.stream = stream
        self.origin = origin
        reader = MessageReader(stream, limits: Self.limits, truncation: "the upstream closed in the middle of its response")
    }

    deinit { count.value -= 1 }

    /// A request begins: nothing of the last answer counts any more.
    func begin() {
        isMidExchange = true
        reader.beginMessage()
        isHeadWhole = false
        interimResponses = 0
        head.removeAll()
    }

    /// Any byte of the answer has come: the upstream has seen the request.
    var hasAnswered: Bool { reader.received > 0 }

    /// Seconds, of the answer.
    var retryAfter: Int? { head.value(of: .retryAfter).flatMap { Int(String(decoding: $0, as: UTF8.self)) } }

    /// The body's end has been reached and the peer goes on.
    var isReusable: Bool {
        !isMidExchange && reader.isBodyDone && head.keepsAlive && !reader.hasBufferedInput && stream.isOpen && !stream.hasPending
    }

    /// The request is sent whole: the answer decides when the connection is free again.
    func requestIsWhole() { isMidExchange = false }

    /// Takes what has come of the answer's head. true when it is whole, however often it is asked: an upload looks for it between two
    /// writes, and what follows is body. Interim responses (1xx) are passed over, up to a bound: without one they could come for ever.
    func tryReadHead(toHead: Bool, scratch: UnsafeMutableRawBufferPointer) throws -> Bool {
        while !isHeadWhole {
            while try reader.tryTakeHead(head, as: .response(toHead: toHead)) {
                if head.status >= 200 {
                    reader.beginBody(head.framing)
                    isHeadWhole = true
                    return true
                }
                interimResponses += 1
                guard interimResponses <= Self.maxInterimResponses else {
                    throw TransportError(.system, call: "recv", reason: "more than \(Self.maxInterimResponses) interim responses")
                }
            }
            switch try reader.tryReceive(through: UnsafeMutableRawBufferPointer(rebasing: scratch.prefix(16 << 10))) {
            case .bytes: break
            case .end: throw TransportError(.closed, call: "recv", reason: "the upstream closed before it answered")
            case .wantsRead, .wantsWrite: return false
            }
        }
        return true
    }

    /// Waits for the answer's head.
    func readHead(toHead: Bool, scratch: UnsafeMutableRawBufferPointer, timeout: Duration) async throws {
        let deadline = ContinuousClock.now + timeout
        while try !tryReadHead(toHead: toHead, scratch: scratch) {
            guard ContinuousClock.now < deadline else {
                throw TransportError(.timedOut, call: "recv", reason: "no answer in \(timeout)")
            }
            try await stream.waitUntilReadable(timeout: timeout)
        }
    }

    var isBodyDone: Bool { reader.isBodyDone }

    /// Payload of the answer that is there now, at the front of `buffer`.
    func tryRead(into buffer: UnsafeMutableRawBufferPointer) throws -> BodyProgress { try reader.tryRead(into: buffer) }

    /// The whole body when it is no larger than `limit`; nil when it is, and the connection is then of no more use.
    func collect(upTo limit: Int, scratch: UnsafeMutableRawBufferPointer, timeout: Duration) async throws -> [UInt8]? {
        try await reader.collect(upTo: limit, scratch: scratch, timeout: timeout)
    }
}
