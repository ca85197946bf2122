package import HTTP

/// A host, or `*.domain` for each name below a domain but not the domain itself; with a port, on that port only.
package struct HostPattern: Sendable, Hashable, Comparable {
    private let host: HostName
    private let isDomain: Bool

    /// nil: not a host (a name, an IPv4 address, or an IPv6 address in brackets), or `*.` before an address.
    package init?(_ text: String) {
        isDomain = text.hasPrefix("*.")
        guard let host = ConfiguredHost.parse(isDomain ? text.dropFirst(2) : text[...]) else { return nil }
        self.host = host
    }

    /// nil: on any port.
    package var port: UInt16? { host.port }

    /// - Parameter other: a host, with the port that is connected to if the pattern has a port.
    package func matches(_ other: HostName) -> Bool {
        (isDomain ? other.isBelow(host) : other.name == host.name) && (host.port == nil || host.port == other.port)
    }

    /// The more precise pattern first: a host before domains, a longer domain before a shorter one.
    package static func < (a: HostPattern, b: HostPattern) -> Bool {
        if a.isDomain != b.isDomain { return b.isDomain }
        if a.host.name.utf8.count != b.host.name.utf8.count { return a.host.name.utf8.count > b.host.name.utf8.count }
        return (a.host.name, a.host.port ?? 0) < (b.host.name, b.host.port ?? 0)
    }
}
