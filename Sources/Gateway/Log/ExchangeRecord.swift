import HTTP
import HTTPServer
import Registry
import Transport

/// What an access line and the counters tell of one exchange. Everybody who takes part in the exchange writes to it; only `AccessLog` and
/// the counters read it, after the exchange; only the request id is read before. State that decides something lives with its owner.
final class ExchangeRecord {
    /// 16 hexadecimal digits.
    let requestID: [UInt8]
    /// The client's address, or the one that a trusted proxy named, and the same as text.
    private(set) var client: SocketAddress
    private(set) var clientText: [UInt8]
    private let start = ContinuousClock.now

    var operation = RegistryOperation.other
    /// The authenticated user's name; nil: the request was not authenticated.
    var user: String?
    /// The user name of a failed login, as it was sent; nil: none was sent, or it could not be read.
    var triedUser: [UInt8]?
    /// The name of the upstream that the request was routed to; nil: Berth responded by itself.
    var upstream: String?
    /// Of the response; 0: none was sent.
    var status = 0
    /// Bytes of the client's request and of the response to it: heads and bodies with their framing, above TLS.
    private(set) var received = 0, sent = 0
    private let sentBefore: Int
    /// Requests that were sent to the upstream again, unseen by the client.
    var replays = 0
    /// How it ended: `complete`, or what broke it off.
    var end: StaticString = "complete"
    /// Why it failed, for the operator. The client does not see it.
    var reason: String?

    init(_ request: Request, requestID: [UInt8]) {
        self.requestID = requestID
        client = request.connection.peer
        clientText = request.connection.peerText
        sentBefore = request.connection.stream.sent
    }

    /// The connection's peer is a trusted proxy, which named this client.
    func setClient(_ address: SocketAddress) { (client, clientText) = (address, Array(address.host.utf8)) }

    /// Keeps a reason that is already there: it is nearer to the cause.
    func addReason(_ text: @autoclosure () -> String) { reason = reason ?? text() }

    /// To be called when the exchange is over.
    func countBytes(of request: Request) {
        received = request.head.bytes.count + request.bodyReceived
        sent = request.connection.stream.sent - sentBefore
    }

    /// Berth rejected the request itself.
    var isRejection: Bool { status >= 400 && upstream == nil }

    /// Since the request's head was read.
    var nanoseconds: Int {
        let (seconds, attoseconds) = (ContinuousClock.now - start).components
        return Int(seconds) * 1_000_000_000 + Int(attoseconds / 1_000_000_000)
    }
}
