import Testing

@testable import Transport

struct InheritedSocketsTests {
    private static let anyPort = SocketAddress(ipv4: (127, 0, 0, 1), port: 0)

    /// Sockets of two workers on a free port.
    private static func pair() throws -> [HandedSocket] {
        let first = try ListeningSocket(on: anyPort)
        return [first, try ListeningSocket(on: first.address, isShared: true)].map { HandedSocket(configured: anyPort, socket: $0) }
    }

    @Test func `an address gets all its sockets, once`() throws {
        let (one, other) = (try Self.pair(), try Self.pair())
        let inherited = InheritedSockets(one + other)
        let address = other[0].socket.address
        #expect(inherited.claim(address).map(ObjectIdentifier.init) == other.map { ObjectIdentifier($0.socket) })
        #expect(inherited.claim(address).isEmpty)
        #expect(inherited.unclaimed == [one[0].socket.address])
    }

    @Test func `port 0 gets the ports that the process before had, in its order`() throws {
        let (one, other) = (try Self.pair(), try Self.pair())
        let inherited = InheritedSockets(one + other)
        #expect(inherited.claim(Self.anyPort).map(\.address) == one.map(\.socket.address))
        #expect(inherited.claim(Self.anyPort).map(\.address) == other.map(\.socket.address))
        #expect(inherited.claim(Self.anyPort).isEmpty)
    }

    @Test func `port 0 of the admin listener is not that of another listener`() throws {
        let (one, other) = (try Self.pair(), try ListeningSocket(on: Self.anyPort))
        let inherited = InheritedSockets(one + [HandedSocket(configured: Self.anyPort, isAdmin: true, socket: other)])
        #expect(inherited.claim(Self.anyPort, isAdmin: true).map(\.address) == [other.address])
        #expect(inherited.claim(Self.anyPort, isAdmin: true).isEmpty && inherited.claim(Self.anyPort).count == 2)
    }

    @Test func `port 0 gets no socket of the service manager`() throws {
        let socket = try ListeningSocket(on: Self.anyPort)
        let inherited = InheritedSockets([HandedSocket(configured: nil, socket: socket)])
        #expect(inherited.claim(Self.anyPort).isEmpty)
        #expect(!inherited.has(anyOf: [Self.anyPort]) && inherited.has(anyOf: [socket.address]))
        #expect(inherited.claim(socket.address).count == 1)
    }
}
