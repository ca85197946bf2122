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
    /// Bytes of this exchange's answer, head and body, as they came.
    private(set) var received = 0

    private var reader: HeadReader
    private var body = BodyDecoder(.none)
    /// Bytes of a request or of its answer are still to come: nothing else may be sent on it.
    private var isMidExchange = false

    private var isHeadWhole = false
    /// Of this exchange.
    private var interimResponses = 0

    /// 100 (Continue) and perhaps a few 103 are what servers send.
    private static let maxInterimResponses = 16
    /// ECR's own heads are under 2 KiB and S3's under 1; a redirect carries a URL with a session token of several.
    private static let limits = HeadLimits(bytes: 64 << 10, fields: 200)
    /// Room for heads that a connection keeps. The first bytes of a blob come with its head, and may be followed by hours of waiting.
    private static let keptCapacity = 8 << 10

    private let count: OpenCount

    init(_ stream: SocketStream, origin: Origin, counted count: OpenCount) {
        self.count = count
        count.value += 1
        self.stream = stream
        self.origin = origin
        reader = HeadReader(limits: Self.limits)
    }

    deinit { count.value -= 1 }

    /// A request begins: nothing of the last answer counts any more.
    func begin() {
        isMidExchange = true
        received = 0
        isHeadWhole = false
        interimResponses = 0
        head.removeAll()
    }

    /// Any byte of the answer has come: the upstream has seen the request.
    var hasAnswered: Bool { received > 0 }

    /// Seconds, of the answer.
    var retryAfter: Int? { head.value(of: .retryAfter).flatMap { Int(String(decoding: $0, as: UTF8.self)) } }

    /// The body's end has been reached and the peer goes on.
    var isReusable: Bool {
        !isMidExchange && body.isDone && head.keepsAlive && reader.input.isEmpty && stream.isOpen && !stream.hasPending
    }

    /// The request is sent whole: the answer decides when the connection is free again.
    func requestIsWhole() { isMidExchange = false }

    /// Takes what has come of the answer's head. true when it is whole, however often it is asked: an upload looks for it between two
    /// writes, and what follows is body. Interim responses (1xx) are passed over, up to a bound: without one they could come for ever.
    func tryReadHead(toHead: Bool, scratch: UnsafeMutableRawBufferPointer) throws -> Bool {
        while !isHeadWhole {
            while try reader.take(head, as: .response(toHead: toHead)) {
                if head.status >= 200 {
                    body = BodyDecoder(head.framing)
                    isHeadWhole = true
                    return true
                }
                interimResponses += 1
                guard interimResponses <= Self.maxInterimResponses else {
                    throw TransportError(.system, call: "recv", reason: "more than \(Self.maxInterimResponses) interim responses")
                }
            }
            switch try stream.tryRead(into: UnsafeMutableRawBufferPointer(rebasing: scratch.prefix(16 << 10))) {
            case .bytes(let count):
                received += count
                reader.input.append(contentsOf: UnsafeRawBufferPointer(rebasing: scratch.prefix(count)))
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

    var isBodyDone: Bool { body.isDone }

    /// Payload of the answer that is there now, at the front of `buffer`.
    func tryRead(into buffer: UnsafeMutableRawBufferPointer) throws -> BodyProgress {
        while !body.isDone {
            let room = UnsafeMutableRawBufferPointer(rebasing: buffer.prefix(body.worthReading(atMost: buffer.count)))
            let count: Int
            if !reader.input.isEmpty {
                count = min(reader.input.count, room.count)
                reader.input.withUnsafeBytes { room.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0.prefix(count))) }
                reader.input.removeFirst(count)
                if reader.input.isEmpty, reader.input.capacity > Self.keptCapacity { reader.releaseBuffer() }
            } else {
                switch try stream.tryRead(into: room) {
                case .bytes(let some): count = some
                case .wantsRead: return .wantsRead
                case .wantsWrite: return .wantsWrite
                case .end:
                    if body.mayEndWithConnection { return .end }
                    throw TransportError(.closed, call: "recv", reason: "the upstream closed in the middle of its answer")
                }
                received += count
            }
            let (payload, taken) = try body.decode(UnsafeMutableRawBufferPointer(rebasing: room.prefix(count)))
            if taken < count { reader.input.insert(contentsOf: room[taken..<count], at: 0) }
            if payload > 0 { return .payload(payload) }
        }
        return .end
    }

    /// The whole body when it is no larger than `limit`; nil when it is, and the connection is then of no more use.
    func collect(upTo limit: Int, scratch: UnsafeMutableRawBufferPointer, timeout: Duration) async throws -> [UInt8]? {
        var all: [UInt8] = []
        if case .length(let count) = head.framing, count <= limit { all.reserveCapacity(count) }
        while true {
            if stream.loop.isTurnOver { await stream.loop.nextTurn() }
            switch try tryRead(into: scratch) {
            case .payload(let count):
                guard all.count + count <= limit else { return nil }
                all.append(contentsOf: UnsafeRawBufferPointer(rebasing: scratch.prefix(count)))
            case .end: return all
            case .wantsRead: try await stream.waitUntilReadable(timeout: timeout)
            case .wantsWrite: try await stream.waitUntilWritable(timeout: timeout)
            }
        }
    }
}
