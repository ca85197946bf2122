import HTTP

/// `connect_to`: where connections to a host are dialled instead. Host, SNI and the certificate's name stay.
package struct ConnectTo: Sendable, Equatable {
    /// One line of it.
    package struct Entry: Sendable, Hashable {
        let pattern: HostPattern
        let target: Target

        /// nil: one of the two is not what it must be.
        /// - Parameters:
        ///   - name: `host:port` or `*.domain:port`.
        ///   - target: `host:port`.
        package init?(_ name: String, _ target: String) {
            guard let pattern = HostPattern(name), pattern.port != nil, let host = ConfiguredHost.parse(target),
                let port = host.port
            else { return nil }
            (self.pattern, self.target) = (pattern, Target(host: host.name, port: port))
        }
    }

    /// What is dialled.
    package struct Target: Sendable, Hashable, CustomStringConvertible {
        /// A name or an address, an IPv6 address without brackets.
        package let host: String
        /// 1 to 65535.
        package let port: UInt16
        /// `host:port`, an IPv6 address in brackets.
        package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
    }

    /// The most precise first: the first that matches decides.
    private let entries: [Entry]

    /// - Parameter entries: in any order, each pattern once.
    package init(_ entries: [Entry] = []) { self.entries = entries.sorted { $0.pattern < $1.pattern } }

    /// Whether no host is dialled elsewhere.
    package var isEmpty: Bool { entries.isEmpty }

    /// - Parameter host: without a port; an IPv6 address with or without brackets.
    /// - Returns: nil: the host itself is dialled.
    package func target(of host: String, _ port: UInt16) -> Target? {
        guard !entries.isEmpty, let name = HostName(host, port: port) else { return nil }
        return entries.first { $0.pattern.matches(name) }?.target
    }
}
