import Crypto
import Transport

/// One of the configuration's listeners, as the workers use it.
struct ListenerPolicy: Sendable {
    /// nil: plain HTTP.
    let tls: TLSServer?
    /// `https://registry.example.com`, without a slash at the end. Empty: addresses in responses are relative to the one the client used.
    let publicURL: [UInt8]
    /// Whose `X-Forwarded-*` fields are believed.
    let trustedProxies: [Network]

    func trusts(_ peer: SocketAddress) -> Bool { trustedProxies.contains { $0.contains(peer) } }
}
