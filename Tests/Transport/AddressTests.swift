import Testing

@testable import Transport

struct AddressTests {
    @Test func `an IPv4-mapped IPv6 address equals the IPv4 address`() throws {
        let mapped = try #require(SocketAddress(host: "::ffff:192.0.2.7", port: 80))
        #expect(mapped == SocketAddress("192.0.2.7:80"))
        #expect(mapped.description == "192.0.2.7:80" && Array(mapped.addressBytes) == [192, 0, 2, 7])
        #expect(SocketAddress(host: "::fffe:192.0.2.7", port: 80)?.addressBytes.count == 16)
    }

    @Test(arguments: [
        ("10.0.0.0/8", "10.255.1.2", true), ("10.0.0.0/8", "11.0.0.1", false), ("10.0.0.0/8", "::ffff:10.0.0.1", true),
        ("192.0.2.128/25", "192.0.2.200", true), ("192.0.2.128/25", "192.0.2.100", false), ("192.0.2.1", "192.0.2.1", true),
        ("192.0.2.1", "192.0.2.2", false), ("0.0.0.0/0", "203.0.113.9", true), ("0.0.0.0/0", "fd00::1", false),
        ("fd00::/7", "fc12::1", true), ("fd00::/8", "fe00::1", false), ("::/0", "2001:db8::1", true),
    ])
    func `a network contains the addresses with its prefix`(network: String, address: String, isIn: Bool) throws {
        let network = try #require(Network(network)), address = try #require(SocketAddress(host: address, port: 1))
        #expect(network.contains(address) == isIn)
    }

    @Test(arguments: [
        ("127.0.0.1:1", "127.0.0.1:1", true), ("127.0.0.1:1", "127.0.0.1:2", false), ("127.0.0.1:0", "127.0.0.1:0", false),
        ("0.0.0.0:1", "127.0.0.1:1", true), ("127.0.0.1:1", "127.0.0.2:1", false), ("0.0.0.0:1", "[::1]:1", false),
        ("[::]:1", "0.0.0.0:1", true), ("[::]:1", "127.0.0.1:1", true), ("[::]:1", "[fd00::1]:1", true),
        ("[::]:1", "0.0.0.0:2", false), ("[::1]:1", "127.0.0.1:1", false),
    ])
    func `addresses overlap when sockets of both would get the same connections`(one: String, other: String, isSo: Bool) throws {
        let one = try #require(SocketAddress(one)), other = try #require(SocketAddress(other))
        #expect(one.overlaps(other) == isSo && other.overlaps(one) == isSo)
    }

    @Test(arguments: ["", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/x", "10.0.0.0/8/8", "fd00::/129", "host", "10.0.0.0/-1"])
    func `a malformed network is refused`(text: String) { #expect(Network(text) == nil) }
}
