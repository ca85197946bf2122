import HTTP

/// The configuration's `connect_to`: `host:port` or `*.domain:port` → `address:port`.
package struct ConnectTo: Sendable {
    private let exact: [HostName: (String, UInt16)]
    /// Longest domain first, so that the most precise entry decides.
    private let domains: [(domain: HostName, target: (String, UInt16))]

    /// - Parameter table: keys and values as `host:port`, a key's host perhaps with a leading `*.`.
    package init(_ table: [String: String]) {
        var exact: [HostName: (String, UInt16)] = [:]
        var domains: [(domain: HostName, target: (String, UInt16))] = []
        for (key, value) in table {
            // Left out, an entry would let a call reach AWS that was to stay in a private network.
            let value = HostName(checked: value)
            guard let port = value.port else { preconditionFailure("connect_to has been checked by who read it") }
            if key.hasPrefix("*.") {
                domains.append((HostName(checked: String(key.dropFirst(2))), (value.name, port)))
            } else {
                exact[HostName(checked: key)] = (value.name, port)
            }
        }
        self.exact = exact
        self.domains = domains.sorted { ($0.domain.name.count, $0.domain.name) > ($1.domain.name.count, $1.domain.name) }
    }

    package func target(of host: String, _ port: UInt16) -> (String, UInt16)? {
        guard let name = HostName(host, port: port) else { return nil }
        return exact[name] ?? domains.first { name.isBelow($0.domain) && $0.domain.port == port }?.target
    }
}
