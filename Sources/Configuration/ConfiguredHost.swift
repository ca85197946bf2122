import Glibc
import HTTP

/// A host in the configuration. Stricter than `HostName`, which also reads what clients send: no empty labels, no port that is empty or 0.
enum ConfiguredHost {
    /// `host`, `host:port`, `[IPv6 address]` or `[IPv6 address]:port`; nil: none of these.
    static func parse(_ text: some StringProtocol) -> HostName? {
        guard let host = HostName(text), !text.hasSuffix(":"), host.port != 0, text.hasPrefix("[") == host.name.contains(":") else {
            return nil
        }
        return (host.name.contains(":") ? isIPv6(host.name) : isName(host.name)) ? host : nil
    }

    static func withoutPort(_ text: some StringProtocol) -> HostName? { parse(text).flatMap { $0.port == nil ? $0 : nil } }

    private static func isName(_ name: String) -> Bool {
        name.utf8.count <= 253  // RFC 1035 3.1
            && name.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
                !label.isEmpty && label.utf8.allSatisfy { ($0 | 0x20) &- 97 < 26 || $0 &- 48 < 10 || $0 == 45 || $0 == 95 }
            }
    }

    private static func isIPv6(_ text: String) -> Bool {
        var address = in6_addr()
        return inet_pton(AF_INET6, text, &address) == 1
    }
}
