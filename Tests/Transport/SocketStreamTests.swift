import Crypto
import Foundation
import Testing

@testable import Transport

/// Sends its payload to each client, and closes.
private actor Source: ConnectionHost {
    nonisolated let loop = EventLoop(isPreferred: true)
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
    private let payload: [UInt8], tls: TLSServer?

    init(_ payload: [UInt8], tls: TLSServer?) { (self.payload, self.tls) = (payload, tls) }

    func serve(_ socket: AcceptedSocket) async {
        let stream = SocketStream(socket.descriptor, on: loop)
        do {
            if let tls { try await stream.acceptTLS(tls, timeout: .seconds(60)) }
            try await stream.write(payload, timeout: .seconds(60))
        } catch {}  // the receiver notices what is missing
        stream.close()
    }
}

private actor Sink {
    nonisolated let loop: EventLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
    init(on loop: EventLoop) { self.loop = loop }

    /// - Parameter pause: between two reads, for a slow receiver.
    func take(from address: SocketAddress, tls: TLSClient?, name: String, pause: Duration?) async throws -> [UInt8] {
        let stream = try await Connector.connect(to: [address], on: loop, waiter: Waiter(), timeout: .seconds(60))
        if let tls { try await stream.connectTLS(tls, name: name, timeout: .seconds(60)) }
        var all: [UInt8] = []
        while case let count = try await stream.read(into: loop.scratch, timeout: .seconds(60)), count > 0 {
            all.append(contentsOf: UnsafeRawBufferPointer(rebasing: loop.scratch.prefix(count)))
            if let pause { await loop.sleep(for: pause) }
        }
        return all
    }
}

/// Pauses on a connection whose other end does something meanwhile.
private actor Pauser {
    nonisolated let loop = EventLoop(isPreferred: true)
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    /// - Returns: how long the pause was; nil: the peer's closing ended it.
    func pause(_ descriptor: Int32, for duration: Duration) async throws -> Duration? {
        let stream = SocketStream(descriptor, on: loop)
        // As on a client's connection, which waited for a request before.
        stream.watchReadable(timeout: .seconds(60))
        stream.unwatch()
        let start = ContinuousClock.now
        do { try await stream.pause(for: duration) } catch let error as TransportError where error.kind == .closed { return nil }
        return ContinuousClock.now - start
    }
}

struct PauseTests {
    /// What the peer does, and whether the pause ends by it.
    @Test(arguments: [("stays", false), ("sends", false), ("closes", true), ("sends and closes", true)])
    func `a pause ends early only when the peer closes, also behind bytes that nobody reads`(peer: String, ends: Bool) async throws
    {
        var descriptors: (Int32, Int32) = (0, 0)
        let made = withUnsafeMutablePointer(to: &descriptors) {
            $0.withMemoryRebound(to: Int32.self, capacity: 2) {
                socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0, $0)
            }
        }
        try #require(made == 0)
        let (near, far) = descriptors
        let pauser = Pauser()
        pauser.loop.start(named: "pauser")
        defer { pauser.loop.stop() }
        if peer.contains("sends") { write(far, "x", 1) }
        if peer.contains("closes") { close(far) }
        let taken = try await pauser.pause(near, for: ends ? .seconds(60) : .milliseconds(50))
        #expect((taken == nil) == ends)
        if let taken { #expect(taken >= .milliseconds(50)) }
        if !peer.contains("closes") { close(far) }
    }
}

struct SocketStreamTests {
    private static func transfer(
        _ payload: [UInt8], encrypted: Bool, name: String = "127.0.0.1", pause: Duration? = nil, isPreferred: Bool = false
    )
        async throws -> [UInt8]
    {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("berth-stream-\(UUID())").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let authority = try CertificateAuthority(name: "test")
        try authority.write(to: folder + "/ca.pem")
        try authority.issue(for: ["127.0.0.1"]).write(chain: folder + "/tls.crt", privateKey: folder + "/tls.key")
        let server = encrypted ? try TLSServer(certificateChain: folder + "/tls.crt", privateKey: folder + "/tls.key") : nil
        let client = encrypted ? try TLSClient(authority: folder + "/ca.pem") : nil

        let source = Source(payload, tls: server)
        let listener = try Listener(on: try #require(SocketAddress("127.0.0.1:0")), host: source)
        source.loop.start(named: "source")
        let loop = EventLoop(isPreferred: isPreferred)
        loop.start(named: "sink")
        defer {
            listener.stop()
            source.loop.stop()
            loop.stop()
        }
        return try await Sink(on: loop).take(from: listener.address, tls: client, name: name, pause: pause)
    }

    @Test(arguments: [(false, 0), (true, 0), (false, 1), (true, 1)])
    func `what is written arrives whole, also at a slow receiver`(encrypted: Bool, pauseMilliseconds: Int) async throws {
        // More than all buffers on the way hold, so that a slow receiver makes the sender wait.
        let payload = (0..<(12 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 7) }
        let pause: Duration? = pauseMilliseconds > 0 ? .milliseconds(pauseMilliseconds) : nil
        let arrived = try await Self.transfer(payload, encrypted: encrypted, pause: pause)
        let isWhole = arrived == payload  // outside #expect: describing how twelve mebibytes differ takes very long
        #expect(isWhole)
    }

    /// Its steps are then queued one by one, so the event it waits for may come between any two of them.
    @Test func `a task that does not prefer its loop loses no wake`() async throws {
        let payload = [UInt8](repeating: 7, count: 1 << 20)
        for encrypted in [false, true] {
            let arrived = try await Self.transfer(payload, encrypted: encrypted, isPreferred: true)
            let isWhole = arrived == payload
            #expect(isWhole)
        }
    }

    @Test func `a certificate for another name fails the handshake`() async throws {
        let error = await #expect(throws: TransportError.self) {
            _ = try await Self.transfer([1], encrypted: true, name: "registry.example.com")
        }
        #expect(error?.kind == .untrusted)
    }
}
