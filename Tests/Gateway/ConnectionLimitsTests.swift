import Testing
import Transport

@testable import Configuration
@testable import Gateway

struct ConnectionLimitsTests {
    /// Descriptors → connections in all and of one client, of the default 10,000 and 1,000.
    @Test(arguments: [
        (1_048_576, 10_000, 1_000), (65_536, 10_000, 1_000), (20_512, 10_000, 1_000), (20_500, 9_994, 1_000), (4096, 1792, 896),
        (1024, 384, 192), (64, 24, 12), (0, 1, 1),
    ])
    func `the limit of connections is lowered to what the descriptors suffice for`(
        descriptors: Int, connections: Int, perClient: Int
    ) {
        let fitted = Settings.Limits().fitted(toDescriptors: descriptors)
        #expect((fitted.connections, fitted.connectionsPerClient) == (connections, perClient))
        // One each way, and those who are turned away.
        #expect(2 * connections + Settings.Limits.maxPendingRejections(descriptors: descriptors) <= max(descriptors, 2))
    }

    @Test func `limits that fit stay as configured, even if one client may have all connections`() {
        var limits = Settings.Limits()
        (limits.connections, limits.connectionsPerClient) = (300, 300)
        let fitted = limits.fitted(toDescriptors: 1024)
        #expect((fitted.connections, fitted.connectionsPerClient) == (300, 300))
    }

    @Test func `IPv6 connections are counted by network`() throws {
        let limits = ConnectionLimits()
        func admit(_ address: String) throws -> Bool {
            limits.admit(try #require(SocketAddress(host: address, port: 1)), total: 100, perClient: 2)
        }
        #expect(try admit("2001:db8::1") && admit("2001:db8::2"))
        #expect(try !admit("2001:db8::3") && admit("2001:db8:0:1::1"))
        limits.leave(try #require(SocketAddress(host: "2001:db8::1", port: 1)))
        #expect(try admit("2001:db8::3"))
    }
}
