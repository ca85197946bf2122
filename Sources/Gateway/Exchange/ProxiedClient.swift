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
        if let host = head.value(of: .xForwardedHost), Self.isHost(host) { self.host = host }
        isHTTPS = head.value(of: .xForwardedProto).map { !$0.elementsEqual("http".utf8) } ?? true
    }

    /// Each proxy adds whom it was asked by at the end: the last one that is no trusted proxy is the client, and what stands before it the
    /// client may have written itself.
    private static func address(_ head: Head, _ trusted: [Network]) -> SocketAddress? {
        var client: SocketAddress?
        for field in head.fields.reversed() where field.name == .xForwardedFor {
            for member in head.bytes[field.valueRange].split(separator: UInt8(ascii: ",")).reversed() {
                let text = String(decoding: member, as: UTF8.self).filter { $0 != " " && $0 != "\t" }
                guard let address = SocketAddress(text) ?? SocketAddress(host: text, port: 0) else { return client }
                client = address
                guard trusted.contains(where: { $0.contains(address) }) else { return client }
            }
        }
        return client
    }

    /// As strict as with `Host` itself: it reaches `WWW-Authenticate`.
    private static func isHost(_ text: ArraySlice<UInt8>) -> Bool {
        !text.isEmpty && text.count <= 261
            && text.allSatisfy { ($0 | 0x20) &- 97 < 26 || $0 &- 48 < 10 || "-._:[]".utf8.contains($0) }
    }
}
