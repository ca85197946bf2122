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

/// Accepts connections from a listening socket on a loop. With `SO_REUSEPORT` each worker has a socket of its own on one address, and the kernel
/// spreads the connections; a socket may also have several listeners, on different loops.
///
/// `@unchecked Sendable`: immutable but for `socket`, `event` and `reportedAt`, which only the loop's thread touches.
package final class Listener: @unchecked Sendable {
    /// The address, with the port that the kernel picked where 0 was asked for.
    package let address: SocketAddress
    /// nil: stopped.
    private var socket: ListeningSocket?
    private let number: Int
    private let loop: EventLoop
    private let accepted: @Sendable (AcceptedSocket) -> Void
    private let exhausted: @Sendable (TransportError) -> Void
    private var reportedAt: ContinuousClock.Instant?
    private var event: OpaquePointer?

    /// Connections accepted in one round of the loop, so that a flood does not starve those being served.
    private static let maxAcceptsPerRound = 64
    /// Pause after accept(2) failed for lack of descriptors or memory: retrying at once would spin.
    private static let pauseAfterExhaustion = Duration.milliseconds(100)
    /// Between two reports of that.
    private static let reportInterval = Duration.seconds(10)

    /// Accepts from the loop's next round on.
    /// - Parameters:
    ///   - socket: one that listens.
    ///   - number: passed on in `AcceptedSocket.listener`.
    ///   - exhausted: called now and then while connections cannot be accepted for lack of descriptors or memory. The listener goes on by itself.
    package init<Host: ConnectionHost>(
        on socket: ListeningSocket, number: Int = 0, host: Host, exhausted: @escaping @Sendable (TransportError) -> Void = { _ in }
    ) {
        loop = host.loop
        (self.socket, address) = (socket, socket.address)
        self.number = number
        self.exhausted = exhausted
        accepted = { socket in
            // On the host's loop already: the task starts there, not on the global pool.
            host.assumeIsolated { host in
                _ = Task(executorPreference: host.loop.isPreferred ? host.loop : nil) { await host.serve(socket) }
            }
        }
        loop.execute { [self] in start() }
    }

    /// Listens on a free address at once, and accepts from the loop's next round on. Parameters as above.
    /// - Throws: `TransportError` of kind `.addressInUse` or `.system`.
    package convenience init<Host: ConnectionHost>(
        on address: SocketAddress, number: Int = 0, host: Host, exhausted: @escaping @Sendable (TransportError) -> Void = { _ in }
    ) throws(TransportError) {
        let socket = try ListeningSocket(on: address)
        try socket.listen()
        self.init(on: socket, number: number, host: host, exhausted: exhausted)
    }

    private func start() {
        guard event == nil, let socket else { return }
        socket.goOn()
        let this = Unmanaged.passRetained(self).toOpaque()
        event = event_new(
            loop.base, socket.descriptor, Int16(EV_READ | EV_PERSIST),
            { _, _, this in
                guard let this else { return }
                Unmanaged<Listener>.fromOpaque(this).takeUnretainedValue().accept()
            }, this)
        event_add(event, nil)
    }

    /// - Returns: whether more connections may wait.
    @discardableResult
    private func accept() -> Bool {
        guard let descriptor = socket?.descriptor else { return false }
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
            case EAGAIN: return false
            case EMFILE, ENFILE, ENOBUFS, ENOMEM:
                report(TransportError(call: "accept", errno: errno))
                event_del(event)
                loop.after(Self.pauseAfterExhaustion) { [self] in if let event { event_add(event, nil) } }
                return false
            default: continue  // the client gave up while it waited (ECONNABORTED, EPROTO, …)
            }
        }
        return true
    }

    private func report(_ error: TransportError) {
        let now = ContinuousClock.now
        if let reportedAt, now - reportedAt < Self.reportInterval { return }
        reportedAt = now
        exhausted(error)
    }

    /// Stops accepting, and gives up the socket. From any thread.
    package func stop() { loop.execute { [self] in end() } }

    /// Accepts the connections that wait or are being made, and then stops: unlike with `stop`, they are not reset with the socket. New ones are made
    /// only when the socket is closed. The loop must run. From any thread.
    package func finish() async {
        await withCheckedContinuation { continuation in
            loop.execute { [self] in
                loop.after(socket?.holdBack() == true ? Self.handshakeTime : .zero) { [self] in
                    // More than the kernel keeps, and an end to it while clients still come.
                    for _ in 0...(ListeningSocket.backlog / Int32(Self.maxAcceptsPerRound)) where !accept() { break }
                    end()
                    continuation.resume()
                }
            }
        }
    }

    /// For the last packet of handshakes that have begun: more than a round trip to most clients, and less than the second after which those that were
    /// held back ask again.
    private static let handshakeTime = Duration.milliseconds(250)

    private func end() {
        defer { socket = nil }
        guard let event else { return }
        // Before the socket is closed: epoll would keep reporting one that another process has open too.
        event_free(event)
        self.event = nil
        Unmanaged.passUnretained(self).release()
    }
}
