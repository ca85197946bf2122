import CLibevent
import Glibc

/// A client as limits count it: an IPv4 address, or the /64 of an IPv6 address, which a client has to itself (RFC 7934).
package struct ClientNetwork: Sendable, Hashable {
    let isIPv6: Bool
    let bits: UInt64
}

/// An IPv4 or IPv6 address and port.
package struct SocketAddress: Sendable, Hashable, CustomStringConvertible {
    /// As system calls take it: `sockaddr_in` or `sockaddr_in6`, in network order.
    private var bytes: [UInt8]

    /// - Parameter text: `127.0.0.1:5000` or `[::1]:5000`; names and anything else give nil.
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

    /// - Parameter host: an IPv4 address, or an IPv6 address without brackets; anything else gives nil.
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

    /// An IPv4 address, by its four bytes.
    package init(ipv4 address: (UInt8, UInt8, UInt8, UInt8), port: UInt16) {
        var family = sockaddr_in()
        family.sin_family = sa_family_t(AF_INET)
        let host = [address.0, address.1, address.2, address.3]
        bytes = withUnsafeBytes(of: family) { Array($0.prefix(4)) } + host + [UInt8](repeating: 0, count: 8)
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

    /// An IPv4 client's address on an IPv6 socket (RFC 4291 2.5.5.2). Kept as IPv4, so that limits count one client once.
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

    /// `AF_INET` or `AF_INET6`.
    package var family: Int32 { bytes.withUnsafeBytes { Int32($0.loadUnaligned(as: sa_family_t.self)) } }

    /// In host order.
    package var port: UInt16 {
        get { UInt16(bytes[2]) << 8 | UInt16(bytes[3]) }
        set { (bytes[2], bytes[3]) = (UInt8(newValue >> 8), UInt8(newValue & 255)) }
    }

    /// The client as limits count it.
    package var clientNetwork: ClientNetwork {
        ClientNetwork(
            isIPv6: family == AF_INET6, bits: addressBytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) })
    }

    /// The address alone, 4 or 16 bytes in network order.
    package var addressBytes: ArraySlice<UInt8> { family == AF_INET ? bytes[4..<8] : bytes[8..<24] }

    /// An address that only this machine reaches (RFC 6890 2.2).
    package var isLoopback: Bool {
        family == AF_INET ? addressBytes.first == 127 : addressBytes.dropLast().allSatisfy { $0 == 0 } && addressBytes.last == 1
    }

    /// Where a client on this machine reaches a listener of this address: loopback instead of every address.
    package var reachedLocally: SocketAddress {
        guard addressBytes.allSatisfy({ $0 == 0 }) else { return self }
        return SocketAddress(host: family == AF_INET6 ? "::1" : "127.0.0.1", port: port) ?? self
    }

    /// Whether sockets of both addresses would get the same connections. Port 0 is another port each time. `[::]` takes IPv4 too.
    package func overlaps(_ other: SocketAddress) -> Bool {
        guard port == other.port, port != 0 else { return false }
        func takes(_ wide: SocketAddress, _ narrow: SocketAddress) -> Bool {
            wide.addressBytes.allSatisfy { $0 == 0 } && (wide.family == AF_INET6 || narrow.family == AF_INET)
        }
        return self == other || takes(self, other) || takes(other, self)
    }

    /// An address of the public internet: not of this machine, a private network, a link or a multicast group, nor set aside, nor an IPv6 form of
    /// such an IPv4 address.
    package var isPublic: Bool { PublicAddress.contains(Array(addressBytes)) }

    /// The address as text, without port and brackets.
    package var host: String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        let address = Array(addressBytes)
        guard evutil_inet_ntop(family, address, &text, text.count) != nil else { return "?" }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// `127.0.0.1:5000`, `[::1]:5000`.
    package var description: String { family == AF_INET6 ? "[\(host)]:\(port)" : "\(host):\(port)" }

    func withSockaddr<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        var storage = sockaddr_storage()
        withUnsafeMutableBytes(of: &storage) { $0.copyBytes(from: bytes) }
        return withUnsafePointer(to: &storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(bytes.count)) }
        }
    }
}
