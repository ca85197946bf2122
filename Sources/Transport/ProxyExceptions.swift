import Glibc
import HTTP

/// `NO_PROXY`: what is reached without the proxy. One reading of it for transfers and for the calls to AWS, as each library has its own.
///
/// Hosts, with or without a port, and all below them; addresses and networks; `*` is everything.
package struct ProxyExceptions: Sendable {
    private enum Entry: Sendable {
        case everything
        case domain(HostName)
        case network(Network)
    }

    private let entries: [Entry]

    /// Of this process, for libcurl, which reads the other variables there.
    static let ofProcess = ProxyExceptions { name in getenv(name).map { String(cString: $0) } }

    package init(environment: [String: String]) { self.init { environment[$0] } }

    private init(_ variable: (String) -> String?) {
        // In this order, as libcurl.
        let text = ["no_proxy", "NO_PROXY"].lazy.compactMap(variable).first { !$0.isEmpty } ?? ""
        entries = text.split { $0 == "," || $0 == " " }.compactMap { entry in
            if entry == "*" { return .everything }
            if let network = Network(String(entry)) { return .network(network) }
            return HostName(entry.drop { $0 == "*" || $0 == "." }).map { .domain($0) }
        }
    }

    /// - Parameter host: a name or an address, without a port.
    package func cover(_ host: String, port: UInt16) -> Bool {
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
