import Glibc
import HTTP

/// `NO_PROXY`: the hosts that are reached without the proxy. Read here for transfers and for the calls to AWS alike, since every library reads it
/// differently.
///
/// Lists hosts, with or without a port, which include the names below them; addresses and networks; `*` for everything.
package struct ProxyExceptions: Sendable {
    private enum Entry: Sendable {
        case everything
        case domain(HostName)
        case network(Network)
    }

    private let entries: [Entry]

    /// From this process's environment, where libcurl reads the other proxy variables.
    static let ofProcess = ProxyExceptions { name in getenv(name).map { String(cString: $0) } }

    /// From `no_proxy` or `NO_PROXY`. Entries that are neither hosts nor networks are ignored.
    package init(environment: [String: String]) { self.init { environment[$0] } }

    private init(_ variable: (String) -> String?) {
        // In libcurl's order.
        let text = ["no_proxy", "NO_PROXY"].lazy.compactMap(variable).first { !$0.isEmpty } ?? ""
        entries = text.split { $0 == "," || $0 == " " }.compactMap { entry in
            if entry == "*" { return .everything }
            if let network = Network(String(entry)) { return .network(network) }
            return HostName(entry.drop { $0 == "*" || $0 == "." }).map { .domain($0) }
        }
    }

    /// The host is to be reached without the proxy.
    /// - Parameter host: a name or an address, without a port.
    package func contains(_ host: String, port: UInt16) -> Bool {
        guard !entries.isEmpty, let host = HostName(host, port: port) else { return false }
        let address = SocketAddress(host: host.name, port: 0)
        return entries.contains { entry in
            switch entry {
            case .everything: true
            case .domain(let domain):
                (host.name == domain.name || host.isBelow(domain)) && (domain.port == nil || domain.port == port)
            case .network(let network): address.map { network.contains($0) } ?? false
            }
        }
    }
}
