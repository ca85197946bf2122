package import Configuration
import Crypto

/// How transfers leave: whom TLS trusts, and the proxy that the environment names. In use from start to end.
package struct OutboundSettings: Sendable {
    let tls: TLSClient
    let proxy: OutboundProxy?

    /// - Throws: `TLSError` for `ca_file`, `TransportError` for `HTTPS_PROXY`.
    package init(_ settings: Settings) throws {
        tls = try TLSClient(authority: settings.caFile)
        proxy = try OutboundProxy(environment: settings.environment)
    }

    /// Where connections to port 443 of a host are dialled: at the place that `connect_to` names, at the proxy, or at the host itself. A name
    /// there is looked up by Berth.
    package func dialled(_ host: String, connectTo: ConnectTo) -> (host: String, port: UInt16) {
        dialled(Origin(host: host, port: 443, connectTo: connectTo))
    }

    func dialled(_ origin: Origin) -> (host: String, port: UInt16) {
        let dialled = proxy.flatMap { $0.serves(origin) ? $0.origin : nil } ?? origin
        return (dialled.dialHost, dialled.dialPort)
    }
}
