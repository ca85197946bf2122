/// A block of addresses: `10.0.0.0/8`, `fd00::/8`, or a single address.
package struct Network: Sendable, Hashable {
    private let address: [UInt8]
    private let bits: Int

    /// nil: not an address, or a prefix length that its family does not have.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard let first = parts.first, parts.count <= 2, let parsed = SocketAddress(host: first, port: 0) else { return nil }
        address = Array(parsed.addressBytes)
        // An IPv4-mapped IPv6 address (RFC 4291 2.5.5.2) is kept as IPv4, and so is a network of them.
        let isMapped = address.count == 4 && first.contains(":")
        guard let bits = parts.count == 1 ? address.count * 8 : Int(parts[1]).map({ isMapped ? $0 - 96 : $0 }),
            (0...(address.count * 8)).contains(bits)
        else { return nil }
        self.bits = bits
    }

    /// All addresses of IPv4 and of IPv6.
    package static let everywhere = [Network(zeros: 4), Network(zeros: 16)]

    private init(zeros count: Int) { (address, bits) = ([UInt8](repeating: 0, count: count), 0) }

    /// The address lies in this block, whatever its port.
    package func contains(_ other: SocketAddress) -> Bool { contains(Array(other.addressBytes)) }

    /// - Parameter bytes: of an address, 4 or 16 in network order.
    func contains(_ bytes: [UInt8]) -> Bool {
        guard bytes.count == address.count else { return false }
        let whole = bits / 8, rest = bits % 8
        guard bytes.prefix(whole).elementsEqual(address.prefix(whole)) else { return false }
        return rest == 0 || (bytes[whole] ^ address[whole]) >> (8 - rest) == 0
    }
}
