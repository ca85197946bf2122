import HTTP
import HTTPServer
import Transport

/// The client of an exchange, and the address under which it reached this gateway. A class, since the requests of a connection mostly have the same.
final class Downstream {
    /// The connection's peer, or the client that a trusted proxy names.
    let client: SocketAddress
    /// The host that the client addressed, perhaps with a port; nil: an HTTP/1.0 client that named none.
    let host: ArraySlice<UInt8>?
    let isHTTPS: Bool
    /// `https://registry.example.com`, as `ListenerPolicy.publicURL`.
    let publicURL: [UInt8]
    /// The client's address comes from a trusted proxy.
    let isProxied: Bool
    private let listener: ListenerPolicy
    /// The peer is a trusted proxy, which says something else with each request.
    private let isOfProxy: Bool

    private init(_ request: Request, at listener: ListenerPolicy) {
        let peer = request.connection.peer
        isOfProxy = listener.trusts(peer)
        let proxied = isOfProxy ? ProxiedClient(request.head, trusted: listener.trustedProxies) : nil
        client = proxied?.address ?? peer
        isProxied = proxied?.address != nil
        // A copy: it outlives the request, whose head is reused.
        host = (proxied?.host ?? request.head.value(of: .host)).map { Array($0)[...] }
        isHTTPS = proxied?.isHTTPS ?? (listener.tls != nil)
        publicURL = listener.publicURL
        self.listener = listener
    }

    /// The client of a request.
    /// - Parameter former: of the connection's request before; nil: there was none.
    static func of(_ request: Request, at listener: ListenerPolicy, reusing former: Downstream?) -> Downstream {
        guard let former, former.listener === listener, !former.isOfProxy, request.head.isValue(of: .host, former.host) else {
            return Downstream(request, at: listener)
        }
        return former
    }
}
