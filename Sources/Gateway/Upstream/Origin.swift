import Configuration
import HTTP
import Transport

/// A host to connect to: the address that is dialled, and the name that its certificate must have.
struct Origin: Hashable, Sendable, CustomStringConvertible {
    /// What `Host`, SNI and the certificate say: a DNS name in lower case and without a trailing dot, or an address.
    let host: String
    let port: UInt16
    /// The target of `connect_to`, or the host itself.
    let dialHost: String
    let dialPort: UInt16
    /// Only public addresses are dialled, whatever the name resolves to.
    var isPublicOnly = false
    var isDialledElsewhere: Bool { (dialHost, dialPort) != (host, port) }

    init(host: String, port: UInt16, connectTo: ConnectTo = ConnectTo()) {
        self.host = HostName.normalized(host)
        self.port = port
        let target = connectTo.target(of: self.host, port)
        (dialHost, dialPort) = (target?.host ?? self.host, target?.port ?? port)
    }

    /// Appends the `Host` line: the port only where it is not the scheme's own (RFC 9110 7.2).
    func appendField(to output: OutputBuffer) {
        output.append("Host: ")
        output.append(text: host)
        if port != 443 {
            output.append(UInt8(ascii: ":"))
            output.append(decimal: Int(port))
        }
        output.append("\r\n")
    }

    var description: String { "\(host):\(port)" }
}
