import CLibevent
import Glibc

/// An accepted connection on its way to the actor that will serve it.
package struct AcceptedSocket: Sendable {
    /// Owned by the `SocketStream` that is made of it; until then, to be closed with `close()`.
    package let descriptor: Int32
    /// The address that the client connected from.
    package let peer: SocketAddress
    /// The number of the listener that accepted it, as given to `Listener.init`.
    package let listener: Int

    /// Closes the connection without serving it.
    package func close() { Glibc.close(descriptor) }
}

/// An actor that serves connections on a loop. Its executor is that loop, so accepting costs no thread hop.
package protocol ConnectionHost: Actor {
    nonisolated var loop: EventLoop { get }
    /// Serves one connection from its first byte to its last.
    func serve(_ socket: AcceptedSocket) async
}

/// A listening socket on a loop. With `SO_REUSEPORT` each worker has its own on one address, and the kernel spreads the connections.
///
/// `@unchecked Sendable`: immutable but for `event` and `reportedAt`, which only the loop's thread touches.
package final class Listener: @unchecked Sendable {
    /// The address, with the port that the kernel picked where 0 was asked for.
    package let address: SocketAddress
    private let descriptor: Int32
    private let number: Int
    private let loop: EventLoop
    private let accepted: @Sendable (AcceptedSocket) -> Void
    private let exhausted: @Sendable (TransportError) -> Void
    private var reportedAt: ContinuousClock.Instant?
    private var event: OpaquePointer?

    /// Connections that wait in the kernel to be accepted. Past it clients retry their SYN.
    private static let backlog: Int32 = 1024
    /// Connections accepted in one round of the loop, so that a flood does not starve those being served.
    private static let maxAcceptsPerRound = 64
    /// Pause after accept(2) failed for lack of descriptors or memory: retrying at once would spin.
    private static let pauseAfterExhaustion = Duration.milliseconds(100)
    /// Between two reports of that.
    private static let reportInterval = Duration.seconds(10)

    /// Listens at once, and accepts from the loop's next round on.
    /// - Parameters:
    ///   - number: passed on in `AcceptedSocket.listener`.
    ///   - joins: this process already listens on the address, for another worker. Otherwise the address must be free: with `SO_REUSEPORT` alone,
    ///     a second process of the same user would silently get half of the connections.
    ///   - exhausted: called now and then while connections cannot be accepted for lack of descriptors or memory. The listener goes on by itself.
    /// - Throws: `TransportError` of kind `.addressInUse` or `.system`.
    package init<Host: ConnectionHost>(
        on address: SocketAddress, number: Int = 0, joins: Bool = false, host: Host,
        exhausted: @escaping @Sendable (TransportError) -> Void = { _ in }
    ) throws(TransportError) {
        loop = host.loop
        self.number = number
        self.exhausted = exhausted
        if !joins { try Self.checkFree(address) }
        (descriptor, self.address) = try Self.bound(to: address)
        accepted = { socket in
            // On the host's loop already: the task starts there, not on the global pool.
            host.assumeIsolated { host in
                _ = Task(executorPreference: host.loop.isPreferred ? host.loop : nil) { await host.serve(socket) }
            }
        }
        loop.execute { [self] in start() }
    }

    /// Throws when the address cannot be listened on now. Leaves nothing behind.
    package static func checkFree(_ wanted: SocketAddress) throws(TransportError) {
        let probe = socket(wanted.family, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard probe >= 0 else { throw TransportError(call: "socket", errno: errno) }
        defer { Glibc.close(probe) }
        var one: Int32 = 1
        setsockopt(probe, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
        guard wanted.withSockaddr({ bind(probe, $0, $1) }) == 0 else { throw cannotBind(wanted, errno) }
    }

    private static func cannotBind(_ address: SocketAddress, _ code: Int32) -> TransportError {
        TransportError(code == EADDRINUSE ? .addressInUse : .system, call: "bind", reason: "\(address): \(describe(errno: code))")
    }

    private static func bound(to wanted: SocketAddress) throws(TransportError) -> (Int32, SocketAddress) {
        let type = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor = socket(wanted.family, type, 0)
        guard descriptor >= 0 else { throw TransportError(call: "socket", errno: errno) }
        var one: Int32 = 1
        let size = socklen_t(MemoryLayout<Int32>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, size)
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEPORT, &one, size)
        guard wanted.withSockaddr({ bind(descriptor, $0, $1) }) == 0, listen(descriptor, backlog) == 0 else {
            let code = errno
            Glibc.close(descriptor)
            throw cannotBind(wanted, code)
        }
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        _ = withUnsafeMutablePointer(to: &storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        return (descriptor, SocketAddress(storage) ?? wanted)
    }

    private func start() {
        guard event == nil else { return }
        let this = Unmanaged.passRetained(self).toOpaque()
        event = event_new(
            loop.base, descriptor, Int16(EV_READ | EV_PERSIST),
            { _, _, this in
                guard let this else { return }
                Unmanaged<Listener>.fromOpaque(this).takeUnretainedValue().accept()
            }, this)
        event_add(event, nil)
    }

    private func accept() {
        for _ in 0..<Self.maxAcceptsPerRound {
            var peer = sockaddr_storage()
            let socket = berth_accept(descriptor, &peer)
            if socket >= 0 {
                guard let peer = SocketAddress(peer) else {
                    Glibc.close(socket)
                    continue
                }
                accepted(AcceptedSocket(descriptor: socket, peer: peer, listener: number))
                continue
            }
            switch errno {
            case EAGAIN: return
            case EMFILE, ENFILE, ENOBUFS, ENOMEM:
                report(TransportError(call: "accept", errno: errno))
                event_del(event)
                loop.after(Self.pauseAfterExhaustion) { [self] in if let event { event_add(event, nil) } }
                return
            default: continue  // the client gave up while it waited (ECONNABORTED, EPROTO, …)
            }
        }
    }

    private func report(_ error: TransportError) {
        let now = ContinuousClock.now
        if let reportedAt, now - reportedAt < Self.reportInterval { return }
        reportedAt = now
        exhausted(error)
    }

    /// Stops accepting. Connections that wait in the backlog are reset. From any thread.
    package func stop() {
        loop.execute { [self] in
            guard let event else { return }
            event_free(event)
            self.event = nil
            Glibc.close(descriptor)
            Unmanaged.passUnretained(self).release()
        }
    }
}
