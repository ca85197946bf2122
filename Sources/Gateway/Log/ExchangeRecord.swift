import HTTP
import HTTPServer
import Registry
import Telemetry
import Transport

/// What an access line and the counters tell of one exchange. Everybody who takes part in the exchange writes to it; only `AccessLog` and
/// the counters read it, after the exchange; only the request id is read before. State that decides something lives with its owner.
///
/// The exchanges of a connection use one, each after the other's end.
final class ExchangeRecord {
    /// The request's id is its span in the trace.
    private(set) var trace: TraceContext
    /// The client's address, or the one that a trusted proxy named, and the same as text.
    private(set) var client: SocketAddress
    private(set) var clientText: [UInt8]
    /// When the request's head was read, in nanoseconds of a clock that only goes forward.
    private(set) var start: Int
    /// From the request's head to the exchange's end, in nanoseconds.
    private(set) var nanoseconds = 0

    var operation = RegistryOperation.other
    /// The authenticated user's name; nil: the request was not authenticated.
    var user: String?
    /// The user name of a failed login, as it was sent; nil: none was sent, or it could not be read.
    var triedUser: [UInt8]?
    /// The name of the upstream that the request was routed to; nil: Berth responded by itself.
    var upstream: String?
    /// The host of the fallback that the request went to; nil: it went to the upstream's own registry.
    var registry: String?
    /// As the client names it; nil: the request was not allowed, or not routed, or is for none.
    var repository: Repository?
    /// The progress of a large body; nil: none has moved.
    var transfer: Transfer?
    /// nil: the cache had nothing to do with it, or there is none.
    var cache: CacheResult?
    /// Of the registry's last response; 0: there was none.
    var upstreamStatus = 0
    /// Of the response; 0: none was sent.
    var status = 0
    /// Bytes of the client's request and of the response to it: heads and bodies with their framing, above TLS.
    private(set) var received = 0, sent = 0
    /// The same of the bodies alone.
    private var bodyReceived = 0, bodySent = 0
    /// Bytes that the connection had sent before this exchange.
    private var sentBefore: Int
    /// Requests that were sent to the upstream again, unseen by the client.
    var replays = 0
    /// How it ended: `complete`, or what broke it off.
    var end: StaticString = "complete" { didSet { isComplete = false } }
    /// Nothing broke it off. An error response is complete too.
    private(set) var isComplete = true
    /// Why it failed, for the operator. The client does not see it.
    var reason: String?

    /// - Parameter sentBefore: bytes that the connection has sent before this exchange.
    init(_ client: SocketAddress, _ clientText: [UInt8], sentBefore: Int, trace: TraceContext) {
        (self.client, self.clientText, self.sentBefore, self.trace) = (client, clientText, sentBefore, trace)
        start = BootClock.now
    }

    /// Begins another exchange: everything is as in a new record.
    func reset(_ client: SocketAddress, _ clientText: [UInt8], sentBefore: Int, trace: TraceContext) {
        (self.client, self.clientText, self.sentBefore, self.trace) = (client, clientText, sentBefore, trace)
        (start, nanoseconds) = (BootClock.now, 0)
        (operation, user, triedUser, upstream, registry, repository, transfer) = (.other, nil, nil, nil, nil, nil, nil)
        (upstreamStatus, status, replays, cache) = (0, 0, 0, nil)
        (received, sent, bodyReceived, bodySent) = (0, 0, 0, 0)
        (end, isComplete, reason) = ("complete", true, nil)
    }

    /// Of what a task does that this exchange has begun. It is never logged.
    func ofTask() -> ExchangeRecord {
        let record = ExchangeRecord(client, clientText, sentBefore: 0, trace: trace)
        (record.operation, record.user, record.upstream, record.repository) = (operation, user, upstream, repository)
        return record
    }

    /// 16 hexadecimal digits.
    var requestID: [UInt8] {
        var id: [UInt8] = []
        id.append(hexadecimal: trace.span)
        return id
    }

    /// The connection's peer is a trusted proxy, which named this client.
    func setClient(_ address: SocketAddress) { (client, clientText) = (address, Array(address.host.utf8)) }

    /// Keeps a reason that is already there: it is nearer to the cause.
    func addReason(_ text: @autoclosure () -> String) { reason = reason ?? text() }

    /// To be called when the exchange is over.
    func countBytes(of request: Request) {
        countBodies(received: request.bodyReceived, sent: request.responseBodySent ?? 0)
        received = request.head.bytes.count + bodyReceived
        sent = request.stream.sent - sentBefore
        nanoseconds = elapsed
    }

    /// Bytes of the bodies alone.
    func countBodies(received: Int, sent: Int) { (bodyReceived, bodySent) = (received, sent) }

    /// Berth rejected the request itself.
    var isRejection: Bool { status >= 400 && upstream == nil }

    /// Counts the exchange in the usage, once it is over, if it was authenticated.
    /// - Parameter last: of the connection.
    func count(in usage: WorkerUsage, last: inout LastUsage) {
        guard let user else { return }
        // Names that the registry did not confirm would fill the table.
        let isConfirmed = upstreamStatus > 0 && upstreamStatus < 400 || cache?.isServedFromCache == true
        let isSuccess = status > 0 && status < 400 && isConfirmed
        var isPull = false, isPush = false, received = 0, sent = 0
        switch operation {
        case .manifestGet:
            isPull = status == 200
            if isSuccess { sent = bodySent }
        case .blobGet: if isSuccess { sent = bodySent }
        case .manifestPut:
            isPush = status == 201
            received = bodyReceived
        case .uploadStart, .uploadChunk, .uploadFinish: received = bodyReceived
        default: break
        }
        usage.count(
            repository: repository?.bytes ?? [], user: user, isSuccess: isSuccess, isPull: isPull, isPush: isPush,
            received: received, sent: sent, last: &last)
    }

    /// What the admin listener shows of a large body on its way.
    /// - Parameter total: bytes of the whole body; nil: not known.
    func beginning(now: Double, total: Int?) -> TransferFigures {
        TransferFigures(
            id: String(decoding: requestID, as: UTF8.self), user: user ?? "", client: String(decoding: clientText, as: UTF8.self),
            operation: "\(operation.label)", repository: repository?.description ?? "", upstream: upstream ?? "",
            started: now - Double(elapsed) / 1e9, total: total)
    }

    /// Nanoseconds since the request's head was read.
    private var elapsed: Int { BootClock.now - start }
}
