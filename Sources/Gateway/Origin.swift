import Crypto
import Transport

/// A host that is called: where it is dialled, and as whom it must show itself.
struct Origin: Hashable, Sendable, CustomStringConvertible {
    /// What `Host`, SNI and the certificate say: a DNS name in lower case, or an address.
    let host: String
    let port: UInt16
    /// `connect_to` of the configuration: dialled instead, while host and certificate stay.
    let dialHost: String
    let dialPort: UInt16

    init(host: String, port: UInt16, connectTo: ConnectTo = ConnectTo([:])) {
        self.host = host.lowercased()
        self.port = port
        (dialHost, dialPort) = connectTo.target(of: self.host, port) ?? (self.host, port)
    }

    /// The value of `Host`: the port only where it is not the scheme's own (RFC 9110 7.2).
    var fieldValue: [UInt8] { Array((port == 443 ? host : "\(host):\(port)").utf8) }

    var description: String { "\(host):\(port)" }
}

/// The configuration's `connect_to`: `host:port` or `*.domain:port` → `address:port`.
struct ConnectTo: Sendable {
    private let exact: [String: (String, UInt16)]
    /// Longest suffix first, so that the most precise entry decides.
    private let suffixes: [(suffix: String, target: (String, UInt16))]

    /// - Parameter table: keys and values as `host:port`, a key's host perhaps with a leading `*.`.
    init(_ table: [String: String]) {
        var exact: [String: (String, UInt16)] = [:]
        var suffixes: [(suffix: String, target: (String, UInt16))] = []
        for (key, value) in table {
            guard let target = Self.split(value) else { continue }
            if key.hasPrefix("*.") {
                suffixes.append((String(key.dropFirst()).lowercased(), target))
            } else {
                exact[key.lowercased()] = target
            }
        }
        self.exact = exact
        self.suffixes = suffixes.sorted { ($0.suffix.count, $0.suffix) > ($1.suffix.count, $1.suffix) }
    }

    func target(of host: String, _ port: UInt16) -> (String, UInt16)? {
        let name = "\(host):\(port)"
        return exact[name] ?? suffixes.first { name.hasSuffix($0.suffix) && name.count > $0.suffix.count }?.target
    }

    private static func split(_ text: String) -> (String, UInt16)? {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else { return nil }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        return host.isEmpty ? nil : (String(host), port)
    }
}
