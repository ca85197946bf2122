import Access
import HTTP
import HTTPServer
import Registry
import Transport

/// What is known of an exchange, for its log line and the counters. Filled as it goes.
struct ExchangeRecord {
    let requestID: [UInt8]
    private(set) var client: SocketAddress
    private(set) var clientText: [UInt8]
    /// The name that the client called, perhaps with a port; nil: an HTTP/1.0 client that named none.
    private(set) var host: ArraySlice<UInt8>?
    /// What a trusted proxy said of it; nil: the listener tells.
    private(set) var isHTTPS: Bool?
    /// Which of the configuration's listeners.
    let listener: Int
    private let start = ContinuousClock.now

    var operation = RegistryOperation.other
    var principal: Principal?
    /// Of a login that failed, the user's name as it was sent; nil: none was, or it could not be read.
    var triedUser: [UInt8]?
    var upstream: Upstream?
    var status = 0
    /// Bytes of the client's request and of the response to it, heads and bodies with their framing, above TLS.
    private(set) var received = 0, sent = 0
    private let sentBefore: Int
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
        sentBefore = request.connection.stream.sent
        host = request.head.value(of: .host)
    }

    /// The connection's peer is a trusted proxy: the client is the one it speaks for.
    mutating func believe(_ proxied: ProxiedClient) {
        if let address = proxied.address { (client, clientText) = (address, Array(address.host.utf8)) }
        host = proxied.host ?? host
        isHTTPS = proxied.isHTTPS
    }

    /// Berth's own no, for which no upstream was asked.
    var isRejection: Bool { status >= 400 && upstream == nil }

    /// The exchange is over.
    mutating func countBytes(of request: Request) {
        received = request.head.bytes.count + request.bodyReceived
        sent = request.connection.stream.sent - sentBefore
    }

    var requestIDText: String { String(decoding: requestID, as: UTF8.self) }

    var nanoseconds: Int {
        let (seconds, attoseconds) = (ContinuousClock.now - start).components
        return Int(seconds) * 1_000_000_000 + Int(attoseconds / 1_000_000_000)
    }
}
