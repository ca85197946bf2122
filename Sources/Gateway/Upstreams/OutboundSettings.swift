import Configuration
import Crypto

/// How transfers leave: whom TLS trusts, and the proxy that the environment names. In use from start to end.
public struct OutboundSettings: Sendable {
    let tls: TLSClient
    let proxy: OutboundProxy?

    /// - Throws: `TLSError` for `ca_file`, `TransportError` for `HTTPS_PROXY`.
    public init(_ settings: Settings) throws {
        tls = try TLSClient(authority: settings.caFile)
        proxy = try OutboundProxy(environment: settings.environment)
    }
}
