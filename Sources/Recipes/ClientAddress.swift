import Access
import HTTP

/// Where clients reach the gateway: what they write in an image's name, and the URL behind it.
struct ClientAddress: Equatable {
    let isHTTPS: Bool
    /// In lower case; an IPv6 address without brackets.
    let name: String
    /// nil: the scheme's own.
    let port: UInt16?

    init(isHTTPS: Bool, host: HostName) {
        (self.isHTTPS, name) = (isHTTPS, host.name)
        // Clients take `registry/app` for a repository of Docker Hub: a first part needs a dot, a port, or to be localhost.
        let isHost = host.name.contains(".") || host.name.contains(":") || host.name == "localhost"
        let standard: UInt16 = isHTTPS ? 443 : 80
        port = isHost ? (host.port == standard ? nil : host.port) : host.port ?? standard
    }

    /// `registry.example.com`, `registry.example.com:5000`, `[::1]:5000`: the first part of an image's name.
    var authority: String {
        let host = name.contains(":") ? "[\(name)]" : name
        return port.map { "\(host):\($0)" } ?? host
    }

    /// Without a slash at the end.
    var url: String { (isHTTPS ? "https://" : "http://") + authority }

    /// The same listener under another name.
    func named(_ host: HostName) -> ClientAddress {
        ClientAddress(isHTTPS: isHTTPS, host: HostName(host.name, port: port ?? (isHTTPS ? 443 : 80)) ?? host)
    }

    /// This address as the gateway's rules see it.
    /// - Parameter namespace: the registry that clients of containerd's kind name; nil: none.
    func place(namespace: HostName? = nil) -> Place {
        Place(host: Array(authority.utf8)[...], namespace: namespace.map { Array($0.description.utf8) })
    }
}
