import HTTP
import Transport

/// What a trusted proxy says of the client before it: `X-Forwarded-For`, `-Host` and `-Proto`. From anybody else they are not believed.
struct ProxiedClient {
    /// nil: not said, or not an address.
    private(set) var address: SocketAddress?
    /// As the client named it, perhaps with a port; nil: not said.
    private(set) var host: ArraySlice<UInt8>?
    /// Where it is not said too: clients bring their logins to the address that is named with it, so it must not be http:// by mistake.
    let isHTTPS: Bool

    init(_ head: Head, trusted: [Network]) {
        address = Self.address(head, trusted)
        // As strict as with `Host` itself: it reaches `WWW-Authenticate`.
        if let host = head.value(of: .xForwardedHost), HostName.isAuthority(host) { self.host = host }
        isHTTPS = head.value(of: .xForwardedProto).map { !$0.elementsEqual("http".utf8) } ?? true
    }

    /// Proxies that a request may have come through; what stands before so many is no route, and looked at by nobody.
    private static let maxHops = 32

    /// Each proxy adds whom it was asked by at the end: the last one that is no trusted proxy is the client, and what stands before it the
    /// client may have written itself.
    private static func address(_ head: Head, _ trusted: [Network]) -> SocketAddress? {
        var client: SocketAddress?
        var hops = 0
        for field in head.fields.reversed() where field.name == .xForwardedFor {
            var rest = head.bytes[field.valueRange]
            while !rest.isEmpty, hops < maxHops {
                let member = rest.suffix(from: rest.lastIndex(of: UInt8(ascii: ",")).map { $0 + 1 } ?? rest.startIndex)
                rest = rest[..<member.startIndex].dropLast()
                let node = member.filter { $0 != 32 && $0 != 9 && $0 != UInt8(ascii: "\"") }
                // An empty member of a list is none (RFC 9110 5.6.1).
                guard !node.isEmpty else { continue }
                hops += 1
                guard let address = Self.address(of: node) else { return client }
                client = address
                guard trusted.contains(where: { $0.contains(address) }) else { return client }
            }
        }
        return client
    }

    /// An address as RFC 7239 6 and practice write it: with or without a port, which may be hidden (`_x`), and brackets, with a zone, as an
    /// IPv6 address that holds one of IPv4. nil: `unknown`, or hidden itself.
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
