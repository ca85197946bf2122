import CLibevent
import Glibc

/// A connection as accept(2) gave it, on its way to the actor that will serve it.
package struct AcceptedSocket: Sendable {
    /// Whoever makes a `SocketStream` of it owns it; until then, whoever holds this closes it.
    package let descriptor: Int32
    package let peer: SocketAddress
    /// Which of the host's listeners took it, as it was numbered there.
    package let listener: Int

    package func refuse() { Glibc.close(descriptor) }
}

/// Somebody who serves connections on a loop. The actor's executor is that loop, so accepting costs no thread hop.
package protocol ConnectionHost: Actor {
    nonisolated var loop: EventLoop { get }
    /// One connection from its first byte to its last.
    func serve(_ socket: AcceptedSocket) async
}

/// A listening socket on a loop. `SO_REUSEPORT` lets each worker have its own on one address; the kernel spreads connections.
///
/// `@unchecked Sendable`: immutable but for `event` and `toldExhaustion`, which the loop's thread alone touches.
package final class Listener: @unchecked Sendable {
    /// The address with the port that was picked where 0 was asked for.
    package let address: SocketAddress
    private let descriptor: Int32
    private let number: Int
    private let loop: EventLoop
    private let accepted: @Sendable (AcceptedSocket) -> Void
    private let exhausted: @Sendable (TransportError) -> Void
    private var toldExhaustion: ContinuousClock.Instant?
    private var event: OpaquePointer?

    /// Connections that wait in the kernel to be accepted; past it the client's SYN is retried.
    private static let backlog: Int32 = 1024
    /// Accepted in one turn of the loop, so that a flood of connections does not starve those being served.
    private static let acceptsATurn = 64
    /// Rest after accept(2) failed for want of descriptors or memory: retrying at once would spin.
    private static let restAfterExhaustion = Duration.milliseconds(100)
    /// Between two words about that.
    private static let tellingInterval = Duration.seconds(10)

    /// - Parameter joins: the address is already listened on by this process, for another worker. Otherwise nobody may have it: with
    ///   `SO_REUSEPORT` alone a second process of this user's would get half of the connections without a word.
    /// - Parameter exhausted: told now and then while connections cannot be accepted for want of descriptors or memory. The listener goes
    ///   on by itself.
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

    /// Whether an address can be listened on now; nothing is left of the try.
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
        for _ in 0..<Self.acceptsATurn {
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
                tell(TransportError(call: "accept", errno: errno))
                event_del(event)
                loop.after(Self.restAfterExhaustion) { [self] in if let event { event_add(event, nil) } }
                return
            default: continue  // the client gave up while it waited (ECONNABORTED, EPROTO, …)
            }
        }
    }

    private func tell(_ error: TransportError) {
        let now = ContinuousClock.now
        if let toldExhaustion, now - toldExhaustion < Self.tellingInterval { return }
        toldExhaustion = now
        exhausted(error)
    }

    /// No more connections are taken; those that wait in the backlog are reset. From any thread.
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
