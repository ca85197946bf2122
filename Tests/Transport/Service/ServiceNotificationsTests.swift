import Foundation
import Glibc
import Testing

@testable import Transport

struct ServiceNotificationsTests {
    /// A service manager's socket.
    private static func receiver(at path: String) throws -> Descriptor {
        let number = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        let address = try #require(LocalAddress(path))
        try #require(address.withSockaddr { bind(number, $0, $1) } == 0)
        var patience = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(number, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        return Descriptor(owning: number)
    }

    private static func receive(_ socket: Descriptor) -> String {
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = recv(socket.number, &bytes, bytes.count, 0)
        return count < 0 ? "nothing: \(describe(errno: errno))" : String(decoding: bytes.prefix(count), as: UTF8.self)
    }

    @Test(arguments: ["/tmp/berth-\(UUID().uuidString.prefix(8))", "@berth-\(UUID().uuidString.prefix(8))"])
    func `lines are one datagram, to a path or an abstract name`(_ path: String) throws {
        let manager = try Self.receiver(at: path)
        defer { unlink(path) }
        try ServiceNotifications(to: path, on: EventLoop()).send(["READY=1", "STATUS=Serving"])
        #expect(Self.receive(manager) == "READY=1\nSTATUS=Serving")
    }

    @Test func `a manager that is busy gets everything later, in order`() async throws {
        let path = "@berth-\(UUID().uuidString.prefix(8))"
        let manager = try Self.receiver(at: path)
        let loop = EventLoop()
        loop.execute {
            // More than the queue of a socket holds (net.unix.max_dgram_qlen, 10 by default).
            guard let notifications = try? ServiceNotifications(to: path, on: loop) else { return }
            for number in 0..<30 { notifications.send(["STATUS=\(number)"]) }
        }
        loop.start(named: "notify")
        defer { loop.stop() }
        try await Task.sleep(for: .milliseconds(50))
        #expect((0..<30).map { _ in Self.receive(manager) } == (0..<30).map { "STATUS=\($0)" })
    }

    @Test func `a manager that is gone stops nothing`() throws {
        let notifications = try ServiceNotifications(to: "/nonexistent/socket", on: EventLoop())
        notifications.send(["READY=1"])
        #expect(!notifications.isBehind)
    }

    @Test(arguments: ["", "relative", "vsock:2:1234", "/" + String(repeating: "x", count: 108)])
    func `what is no address of a Unix socket is rejected`(_ path: String) {
        let error = #expect(throws: TransportError.self) { try ServiceNotifications(to: path, on: EventLoop()) }
        #expect(error?.reason.contains("NOTIFY_SOCKET") == true)
    }
}
