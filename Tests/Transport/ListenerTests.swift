import Glibc
import Testing

@testable import Transport

/// Counts the connections that it is given, and closes them.
private actor Counter: ConnectionHost {
    nonisolated let loop = EventLoop(isPreferred: true)
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
    private(set) var count = 0

    func serve(_ socket: AcceptedSocket) async {
        count += 1
        socket.close()
    }
}

struct ListenerTests {
    /// Connects without waiting for anybody to accept.
    private static func connect(to address: SocketAddress) -> Descriptor? {
        let descriptor = Descriptor(owning: socket(address.family, Int32(SOCK_STREAM.rawValue), 0))
        return address.withSockaddr { Glibc.connect(descriptor.number, $0, $1) } == 0 ? descriptor : nil
    }

    @Test func `a bound socket takes no connection before it listens, and keeps them until they are accepted`() throws {
        let socket = try ListeningSocket(on: try #require(SocketAddress("127.0.0.1:0")))
        #expect(Self.connect(to: socket.address) == nil)
        try socket.listen()
        #expect(Self.connect(to: socket.address) != nil)
    }

    @Test func `a listener that finishes accepts the connections that wait, and no more`() async throws {
        let host = Counter()
        let socket = try ListeningSocket(on: try #require(SocketAddress("127.0.0.1:0")))
        try socket.listen()
        let address = socket.address
        let waiting = (0..<200).compactMap { _ in Self.connect(to: address) }
        #expect(waiting.count == 200)
        let listener = Listener(on: consume socket, host: host)
        host.loop.start(named: "host")
        defer { host.loop.stop() }
        await listener.finish()
        #expect(Self.connect(to: address) == nil, "the socket is closed")
        while await host.count < 200 { try await Task.sleep(for: .milliseconds(5)) }
        #expect(await host.count == 200)
    }

    @Test func `an address in use is an error, unless the socket that has it is this process's own`() throws {
        let address = try #require(SocketAddress("127.0.0.1:0"))
        let first = try ListeningSocket(on: address)
        try first.listen()
        let error = #expect(throws: TransportError.self) { try ListeningSocket(on: first.address) }
        #expect(error?.kind == .addressInUse)
        let wide = try #require(SocketAddress("0.0.0.0:\(first.address.port)"))
        #expect(throws: TransportError.self) { try ListeningSocket(on: wide) }
        try ListeningSocket(on: wide, isShared: true).listen()
    }
}
