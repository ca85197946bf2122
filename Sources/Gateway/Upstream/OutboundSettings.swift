package import Configuration
import Crypto

/// How connections to upstreams are made: the authorities that TLS trusts, and the proxy. A reload changes them when `ca_file` or what it holds has changed.
package struct OutboundSettings: Sendable {
    let tls: TLSClient
    let proxy: OutboundProxy?

    /// - Throws: `TransportError` for `HTTPS_PROXY`; `TLSError` when OpenSSL cannot make a context.
    package init(_ settings: Settings) throws {
        tls = try settings.caFile?.client ?? TLSClient()
        proxy = try OutboundProxy(environment: settings.environment)
    }

    /// What is dialled for port 443 of a host: the target of `connect_to`, the proxy, or the host itself. Berth resolves its name.
    package func dialled(_ host: String, connectTo: ConnectTo) -> (host: String, port: UInt16) {
        dialled(Origin(host: host, port: 443, connectTo: connectTo))
    }

    func dialled(_ origin: Origin) -> (host: String, port: UInt16) {
        let dialled = proxy.flatMap { $0.serves(origin) ? $0.origin : nil } ?? origin
        return (dialled.dialHost, dialled.dialPort)
    }
}
