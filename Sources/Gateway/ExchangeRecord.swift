import Access
import HTTP
import HTTPServer
import Registry
import Transport

/// What is known of an exchange, for its log line and the counters. Filled as it goes.
struct ExchangeRecord {
    let requestID: [UInt8]
    let client: SocketAddress
    let clientText: [UInt8]
    /// Which of the configuration's listeners.
    let listener: Int
    private let start = ContinuousClock.now

    var operation = Operation.other
    var principal: Principal?
    var upstream: Upstream?
    var status = 0
    /// Bytes of heads and bodies on each side, in both directions, inside TLS.
    var received: Int
    var sent = 0
    var sentUpstream = 0, receivedUpstream = 0
    /// Attempts that the client did not see.
    var replays = 0
    var renewedURLs = 0
    /// How it ended: `complete`, or what broke it off.
    var end: StaticString = "complete"
    /// Of Berth's own refusal, or of a broken end; for the operator, not for the client.
    var reason: String?

    init(_ request: Request, requestID: [UInt8], listener: Int) {
        self.requestID = requestID
        self.listener = listener
        client = request.connection.peer
        clientText = request.connection.peerText
        received = request.head.bytes.count
    }

    var requestIDText: String { String(decoding: requestID, as: UTF8.self) }

    var nanoseconds: Int {
        let (seconds, attoseconds) = (ContinuousClock.now - start).components
        return Int(seconds) * 1_000_000_000 + Int(attoseconds / 1_000_000_000)
    }
}
