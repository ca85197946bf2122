import HTTP
import HTTPServer
import Transport

/// The client of an exchange, and the address under which it reached this gateway.
struct Downstream {
    /// The connection's peer, or the client that a trusted proxy names.
    let client: SocketAddress
    /// The host that the client addressed, perhaps with a port; nil: an HTTP/1.0 client that named none.
    let host: ArraySlice<UInt8>?
    let isHTTPS: Bool
    /// `https://registry.example.com`, as `ListenerPolicy.publicURL`.
    let publicURL: [UInt8]
    /// The client's address comes from a trusted proxy.
    let isProxied: Bool

    init(_ request: Request, at listener: ListenerPolicy) {
        let peer = request.connection.peer
        let proxied = listener.trusts(peer) ? ProxiedClient(request.head, trusted: listener.trustedProxies) : nil
        client = proxied?.address ?? peer
        isProxied = proxied?.address != nil
        host = proxied?.host ?? request.head.value(of: .host)
        isHTTPS = proxied?.isHTTPS ?? (listener.tls != nil)
        publicURL = listener.publicURL
    }
}
