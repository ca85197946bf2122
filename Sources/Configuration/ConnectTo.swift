import HTTP

/// The configuration's `connect_to`: `host:port` or `*.domain:port` → `address:port`.
public struct ConnectTo: Sendable {
    private let exact: [HostName: (String, UInt16)]
    /// Longest domain first, so that the most precise entry decides.
    private let domains: [(domain: HostName, target: (String, UInt16))]

    /// - Parameter table: keys and values as `host:port`, a key's host perhaps with a leading `*.`.
    public init(_ table: [String: String]) {
        var exact: [HostName: (String, UInt16)] = [:]
        var domains: [(domain: HostName, target: (String, UInt16))] = []
        for (key, value) in table {
            guard let value = HostName(value), let port = value.port else { continue }
            if key.hasPrefix("*.") {
                if let domain = HostName(key.dropFirst(2)) { domains.append((domain, (value.name, port))) }
            } else if let host = HostName(key) {
                exact[host] = (value.name, port)
            }
        }
        self.exact = exact
        self.domains = domains.sorted { ($0.domain.name.count, $0.domain.name) > ($1.domain.name.count, $1.domain.name) }
    }

    public func target(of host: String, _ port: UInt16) -> (String, UInt16)? {
        guard let name = HostName(host, port: port) else { return nil }
        return exact[name] ?? domains.first { name.isBelow($0.domain) && $0.domain.port == port }?.target
    }
}
