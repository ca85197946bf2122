import Glibc

/// Addresses as the file writes them.
enum Addresses {
    static let examples = "0.0.0.0:5000, [::]:5000 or :5000"

    /// `0.0.0.0:5000`, `[::]:5000`; `:5000` is every address. Port 0: one that is free.
    static func parse(_ text: String) -> Settings.Address? {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else { return nil }
        var host = String(text[..<colon])
        if host.isEmpty { return Settings.Address(host: "0.0.0.0", port: port) }
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = String(host.dropFirst().dropLast())
            return isAddress(host, AF_INET6) ? Settings.Address(host: host, port: port) : nil
        }
        return isAddress(host, AF_INET) ? Settings.Address(host: host, port: port) : nil
    }

    static func isHostAndPort(_ text: String, wildcard: Bool = false) -> Bool {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]), port > 0 else {
            return false
        }
        let host = text[..<colon]
        return isHost(wildcard && host.hasPrefix("*.") ? host.dropFirst(2) : host)
    }

    /// A name, an IPv4 address, or an IPv6 address in brackets.
    static func isHost(_ text: some StringProtocol) -> Bool {
        if text.hasPrefix("["), text.hasSuffix("]") { return isAddress(String(text.dropFirst().dropLast()), AF_INET6) }
        // A fully qualified name may end in a dot.
        let name = text.hasSuffix(".") ? text.dropLast() : text[...]
        return name.utf8.count <= 253
            && name.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
                !label.isEmpty && label.utf8.allSatisfy { ($0 | 0x20) &- 97 < 26 || $0 &- 48 < 10 || $0 == 45 || $0 == 95 }
            }
    }

    private static func isAddress(_ text: String, _ family: Int32) -> Bool {
        var address = in6_addr()
        return inet_pton(family, text, &address) == 1
    }
}
