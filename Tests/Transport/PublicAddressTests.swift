import Testing

@testable import Transport

struct PublicAddressTests {
    @Test(arguments: [
        "1.1.1.1", "8.8.8.8", "52.218.0.1", "172.15.255.255", "172.32.0.1", "192.167.255.255", "192.169.0.1", "100.63.255.255",
        "100.128.0.1", "169.253.1.1", "11.0.0.1", "126.255.255.255", "128.0.0.1", "223.255.255.255", "2600:1f18::1",
        "2606:4700::6810:1", "2a05:d018::1", "2400::1", "::ffff:1.1.1.1", "64:ff9b::8.8.8.8", "2002:808:808::1", "2001:200::1",
    ])
    func `an address of the public internet is public`(text: String) throws {
        #expect(try #require(SocketAddress(host: text, port: 443)).isPublic)
    }

    @Test(arguments: [
        // This machine, and unspecified addresses.
        "127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "::1", "::", "::ffff:127.0.0.1", "::ffff:0:0", "::7f00:1",
        // Private, shared (RFC 6598), unique local.
        "10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1", "192.168.255.255", "100.64.0.1",
        "100.127.255.255", "fc00::1", "fd12:3456::1", "fdff::1", "fec0::1",
        // Links, and the metadata services of EC2 and ECS.
        "169.254.169.254", "169.254.170.2", "169.254.0.1", "fe80::1", "febf::1", "fd00:ec2::254", "fd00:ec2::23",
        // Multicast, broadcast, reserved and discard.
        "224.0.0.1", "239.255.255.255", "255.255.255.255", "240.0.0.1", "ff02::1", "ff0e::1", "100::1",
        // Documentation, benchmarks, protocol assignments.
        "192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1", "198.19.255.255", "192.0.0.1", "192.88.99.1", "2001:db8::1",
        "3fff::1", "2001::1", "2001:20::1", "5f00::1",
        // IPv6 forms of IPv4 addresses: mapped, NAT64 (and its local prefix), 6to4.
        "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::10.0.0.1", "64:ff9b::169.254.169.254", "64:ff9b::7f00:1",
        "64:ff9b:1::8.8.8.8", "2002:a00:1::1", "2002:a9fe:a9fe::1", "2002:7f00:1::", "2002:c0a8:101::1",
    ])
    func `loopback, private, link-local, multicast and reserved addresses are not public, nor IPv6 forms of them`(text: String)
        throws
    { #expect(try !#require(SocketAddress(host: text, port: 443)).isPublic) }
}
