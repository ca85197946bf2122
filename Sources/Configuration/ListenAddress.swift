import Glibc
import Transport

/// An address to listen on, as the configuration writes it.
enum ListenAddress {
    static let examples = "0.0.0.0:5000, [::]:5000 or :5000"

    /// `0.0.0.0:5000` or `[::]:5000`; `:5000` is every IPv4 address. Port 0: any free port.
    static func parse(_ text: String) -> SocketAddress? {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else { return nil }
        let host = String(text[..<colon])
        if host.isEmpty { return SocketAddress(ipv4: (0, 0, 0, 0), port: port) }
        let isIPv6 = host.hasPrefix("[") && host.hasSuffix("]")
        let bare = isIPv6 ? String(host.dropFirst().dropLast()) : host
        return isAddress(bare, isIPv6 ? AF_INET6 : AF_INET) ? SocketAddress(host: bare, port: port) : nil
    }

    private static func isAddress(_ text: String, _ family: Int32) -> Bool {
        var address = in6_addr()
        return inet_pton(family, text, &address) == 1
    }
}
