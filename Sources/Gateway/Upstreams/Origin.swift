import Configuration
import HTTP
import Transport

/// A host that is called: where it is dialled, and as whom it must show itself.
struct Origin: Hashable, Sendable, CustomStringConvertible {
    /// What `Host`, SNI and the certificate say: a DNS name in lower case and without a trailing dot, or an address.
    let host: String
    let port: UInt16
    /// `connect_to` of the configuration: dialled instead, while host and certificate stay.
    let dialHost: String
    let dialPort: UInt16
    /// It is dialled at addresses of the public internet alone, whatever its name resolves to.
    var isPublicOnly = false
    var isDialledElsewhere: Bool { (dialHost, dialPort) != (host, port) }

    init(host: String, port: UInt16, connectTo: ConnectTo = ConnectTo([:])) {
        self.host = HostName.normalized(host)
        self.port = port
        (dialHost, dialPort) = connectTo.target(of: self.host, port) ?? (self.host, port)
    }

    /// The value of `Host`: the port only where it is not the scheme's own (RFC 9110 7.2).
    var fieldValue: [UInt8] { Array((port == 443 ? host : "\(host):\(port)").utf8) }

    var description: String { "\(host):\(port)" }
}
