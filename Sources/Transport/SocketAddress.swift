import CLibevent
import Glibc

/// A client as limits count it: an address of IPv4, or the /64 of one of IPv6, which a client has to itself (RFC 7934).
package struct ClientNetwork: Sendable, Hashable {
    let isIPv6: Bool
    let bits: UInt64
}

/// An IPv4 or IPv6 address and port.
package struct SocketAddress: Sendable, Hashable, CustomStringConvertible {
    /// The address as the system calls take it: `sockaddr_in` or `sockaddr_in6`, in network order.
    private var bytes: [UInt8]

    /// - Parameter text: `127.0.0.1:5000`, `[::1]:5000`; no names.
    package init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else { return nil }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            return nil
        }
        self.init(host: String(host), port: port)
    }

    /// - Parameter host: an IPv4 or IPv6 address, the latter without brackets.
    package init?(host: String, port: UInt16) {
        var storage = sockaddr_storage()
        var size = Int32(MemoryLayout<sockaddr_storage>.size)
        let literal = host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]" : host
        let parsed = withUnsafeMutablePointer(to: &storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { evutil_parse_sockaddr_port(literal, $0, &size) }
        }
        guard parsed == 0 else { return nil }
        self.init(storage)
        self.port = port
    }

    init?(_ storage: sockaddr_storage) {
        let size: Int
        switch Int32(storage.ss_family) {
        case AF_INET: size = MemoryLayout<sockaddr_in>.size
        case AF_INET6: size = MemoryLayout<sockaddr_in6>.size
        default: return nil
        }
        bytes = withUnsafeBytes(of: storage) { Array($0.prefix(size)) }
        if size == MemoryLayout<sockaddr_in6>.size, bytes[8..<20].elementsEqual(Self.mappedPrefix) { unmap() }
    }

    /// RFC 4291 2.5.5.2: how a client of IPv4 looks to a socket of IPv6. The same client, and the same limits, by either.
    private static let mappedPrefix: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255]

    private mutating func unmap() {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        let (port, host) = (bytes[2..<4], bytes[20..<24])
        bytes = withUnsafeBytes(of: address) { Array($0.prefix(2)) } + port + host + [UInt8](repeating: 0, count: 8)
    }

    init?(_ address: UnsafePointer<sockaddr>, size: Int) {
        guard size <= MemoryLayout<sockaddr_storage>.size else { return nil }
        var storage = sockaddr_storage()
        withUnsafeMutableBytes(of: &storage) { $0.copyMemory(from: UnsafeRawBufferPointer(start: address, count: size)) }
        self.init(storage)
    }

    package var family: Int32 { bytes.withUnsafeBytes { Int32($0.loadUnaligned(as: sa_family_t.self)) } }

    package var port: UInt16 {
        get { UInt16(bytes[2]) << 8 | UInt16(bytes[3]) }
        set { (bytes[2], bytes[3]) = (UInt8(newValue >> 8), UInt8(newValue & 255)) }
    }

    /// Whom limits count.
    package var clientNetwork: ClientNetwork {
        ClientNetwork(
            isIPv6: family == AF_INET6, bits: addressBytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) })
    }

    /// The address alone, 4 or 16 bytes in network order.
    package var addressBytes: ArraySlice<UInt8> { family == AF_INET ? bytes[4..<8] : bytes[8..<24] }

    /// The address alone, without port and brackets.
    package var host: String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        let address = Array(addressBytes)
        guard evutil_inet_ntop(family, address, &text, text.count) != nil else { return "?" }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    package var description: String { family == AF_INET6 ? "[\(host)]:\(port)" : "\(host):\(port)" }

    func withSockaddr<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        var storage = sockaddr_storage()
        withUnsafeMutableBytes(of: &storage) { $0.copyBytes(from: bytes) }
        return withUnsafePointer(to: &storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(bytes.count)) }
        }
    }
}
