import HTTP
import Transport

/// What a trusted proxy says about its client: `X-Forwarded-For`, `-Host` and `-Proto`. From anybody else these fields are ignored.
struct ProxiedClient {
    /// nil: the proxy did not name it, or not by an address.
    private(set) var address: SocketAddress?
    /// The host that the client addressed, perhaps with a port; nil: the proxy did not name it.
    private(set) var host: ArraySlice<UInt8>?
    /// true also when the proxy does not say: clients send their logins to addresses built with it, so it must not be http:// by mistake.
    let isHTTPS: Bool

    init(_ head: Head, trusted: [Network]) {
        address = Self.address(head, trusted)
        // Checked like `Host` itself: it reaches `WWW-Authenticate`.
        if let host = head.value(of: .xForwardedHost), HostName.isAuthority(host) { self.host = host }
        isHTTPS = head.value(of: .xForwardedProto).map { !$0.elementsEqual("http".utf8) } ?? true
    }

    /// Proxies that a request may have come through. Entries before these are ignored.
    private static let maxHops = 32

    /// Each proxy appends its peer's address: the last address that is no trusted proxy is the client's. The client may have written the
    /// entries before it.
    private static func address(_ head: Head, _ trusted: [Network]) -> SocketAddress? {
        var client: SocketAddress?
        var hops = 0
        for field in head.fields.reversed() where field.name == .xForwardedFor {
            var rest = head.bytes[field.valueRange]
            while !rest.isEmpty, hops < maxHops {
                let member = rest.suffix(from: rest.lastIndex(of: UInt8(ascii: ",")).map { $0 + 1 } ?? rest.startIndex)
                rest = rest[..<member.startIndex].dropLast()
                let node = member.filter { $0 != 32 && $0 != 9 && $0 != UInt8(ascii: "\"") }
                // Empty list members do not count (RFC 9110 5.6.1).
                guard !node.isEmpty else { continue }
                hops += 1
                guard let address = Self.address(of: node) else { return client }
                client = address
                guard trusted.contains(where: { $0.contains(address) }) else { return client }
            }
        }
        return client
    }

    /// An address as RFC 7239 6 and existing proxies write it: with or without a port, which may be obfuscated (`_x`), brackets or a zone,
    /// or IPv4 mapped into IPv6. nil: `unknown`, or an obfuscated name.
    private static func address(of node: some Collection<UInt8>) -> SocketAddress? {
        let text = String(decoding: node, as: UTF8.self)
        var host = text[...]
        if text.hasPrefix("[") {
            host = text.dropFirst().prefix { $0 != "]" }
        } else if let colon = text.lastIndex(of: ":"), SocketAddress(host: text, port: 0) == nil {
            host = text[..<colon]
        }
        return SocketAddress(host: String(host.prefix { $0 != "%" }), port: 0)
    }
}
