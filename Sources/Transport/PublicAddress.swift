/// Tells addresses of the public internet from all others (IANA's registries of special-purpose addresses, RFC 6890).
enum PublicAddress {
    /// - Parameter address: 4 or 16 bytes in network order, IPv4-mapped ones as IPv4.
    static func contains(_ address: [UInt8]) -> Bool {
        if address.count == 4 { return !special.contains { $0.contains(address) } }
        for (network, offset) in embedding where network.contains(address) {
            return !special.contains { $0.contains(Array(address[offset..<(offset + 4)])) }
        }
        return globalUnicast.contains { $0.contains(address) } && !special.contains { $0.contains(address) }
    }

    /// What lies outside is not routed: metadata services (fd00:ec2::254), links, multicast.
    private static let globalUnicast = networks("2000::/3")

    private static let special = networks(
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4",
        "240.0.0.0/4",
        // Teredo and other protocols, documentation.
        "2001::/23", "2001:db8::/32", "3fff::/20")

    /// IPv6 forms of IPv4 addresses, and the offset of the IPv4 address: NAT64 (RFC 6052), 6to4 (RFC 3056).
    private static let embedding = zip(networks("64:ff9b::/96", "2002::/16"), [12, 2])

    private static func networks(_ texts: String...) -> [Network] { texts.compactMap { Network($0) } }
}
