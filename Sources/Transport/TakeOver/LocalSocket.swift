import CLibevent
import Glibc

/// A Unix socket on which whole messages and open descriptors pass between two processes of this machine. Never waits by itself.
package final class LocalSocket: Sendable {
    private let owned: Descriptor

    /// Longer messages are rejected: a batch of sockets with long addresses has half of it.
    static let maxMessageBytes = 8 << 10
    /// Descriptors that go with one message.
    static let maxDescriptors = Int(BERTH_MAX_DESCRIPTORS)

    private init(_ owned: Descriptor) { self.owned = owned }

    private static func make() throws(TransportError) -> LocalSocket {
        // Ordered, reliable, and a message stays whole.
        let number = socket(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard number >= 0 else { throw TransportError(call: "socket", errno: errno) }
        return LocalSocket(Descriptor(owning: number))
    }

    private static func address(_ path: String) throws(TransportError) -> LocalAddress {
        guard let address = LocalAddress(path) else {
            throw TransportError(
                .system, call: "bind",
                reason:
                    "\(path): the path of a socket has 1 to \(LocalAddress.maxPathBytes) bytes; set RUNTIME_DIRECTORY to a shorter one"
            )
        }
        return address
    }

    // MARK: Ends

    /// Connects to the socket at a path.
    /// - Throws: of kind `.refused` when nobody listens there.
    package static func connect(to path: String) throws(TransportError) -> LocalSocket {
        let (socket, address) = (try make(), try address(path))
        guard address.withSockaddr({ Glibc.connect(socket.descriptor, $0, $1) }) == 0 else {
            let code = errno
            let isNobody = code == ECONNREFUSED || code == ENOENT
            throw TransportError(isNobody ? .refused : .system, call: "connect", reason: "\(path): \(describe(errno: code))")
        }
        return socket
    }

    /// Listens at a path that only this user may connect to. Replaces what is there, in one step.
    package static func listen(at path: String) throws(TransportError) -> LocalSocket {
        // Under a name of its own until it listens: who connects by the path meets the old socket or the new one, never none.
        let temporary = "\(path).\(getpid())"
        let (socket, address) = (try make(), try address(temporary))
        unlink(temporary)
        guard address.withSockaddr({ bind(socket.descriptor, $0, $1) }) == 0, chmod(temporary, 0o600) == 0,
            Glibc.listen(socket.descriptor, backlog) == 0, rename(temporary, path) == 0
        else {
            let code = errno
            unlink(temporary)
            throw TransportError(.system, call: "bind", reason: "\(path): \(describe(errno: code))")
        }
        return socket
    }

    /// Connections that wait to be accepted.
    private static let backlog: Int32 = 16

    /// A connection that waits; nil: none does.
    func accept() -> LocalSocket? {
        var peer = sockaddr_storage()
        let number = berth_accept(descriptor, &peer)
        return number >= 0 ? LocalSocket(Descriptor(owning: number)) : nil
    }

    /// For readiness; and which process and user are at the other end.
    var descriptor: Int32 { owned.number }

    /// Who connected, or listened when we did; nil: not known.
    var peer: (process: Int32, user: UInt32)? {
        var (process, user): (pid_t, uid_t) = (0, 0)
        return berth_peer(descriptor, &process, &user) == 0 ? (process, user) : nil
    }

    /// The other end has closed, or its process has ended.
    var isPeerGone: Bool {
        var state = pollfd(fd: descriptor, events: 0, revents: 0)
        return poll(&state, 1, 0) > 0
    }

    // MARK: Messages

    struct Packet {
        let bytes: [UInt8]
        let descriptors: [Descriptor]
    }

    /// Sends a message with descriptors, which stay open here. false: the socket is full.
    func trySend(_ bytes: [UInt8], _ descriptors: [Int32] = []) throws(TransportError) -> Bool {
        while true {
            if berth_send(descriptor, bytes, bytes.count, descriptors, descriptors.count) >= 0 { return true }
            switch errno {
            case EINTR: continue
            case EAGAIN: return false
            default: throw TransportError(call: "sendmsg", errno: errno)
            }
        }
    }

    /// The next message; nil: none has come yet.
    /// - Throws: of kind `.closed` at the end.
    func tryReceive() throws(TransportError) -> Packet? {
        var bytes = [UInt8](repeating: 0, count: Self.maxMessageBytes)
        var numbers = [Int32](repeating: -1, count: Self.maxDescriptors)
        var (count, wasCut): (Int, Int32) = (0, 0)
        var received = -1
        repeat {
            received = berth_receive(descriptor, &bytes, bytes.count, &numbers, &count, &wasCut)
        } while received < 0 && errno == EINTR
        guard received >= 0 else {
            if errno == EAGAIN { return nil }
            throw TransportError(call: "recvmsg", errno: errno)
        }
        // Owned before anything else: whatever is wrong with the message, its descriptors are closed.
        let descriptors = numbers.prefix(count).map { Descriptor(owning: $0) }
        guard wasCut == 0 else {
            throw TransportError(
                .system, call: "recvmsg",
                reason: "a message has more than \(Self.maxMessageBytes) bytes or \(Self.maxDescriptors) descriptors")
        }
        guard received > 0 else {
            throw TransportError(.closed, call: "recvmsg", reason: "the other process closed the connection")
        }
        return Packet(bytes: Array(bytes.prefix(received)), descriptors: descriptors)
    }

    /// The next message, for code that is on no loop. Blocks the thread.
    func receive(within timeout: Duration) throws(TransportError) -> Packet {
        let end = ContinuousClock.now + timeout
        while true {
            if let packet = try tryReceive() { return packet }
            let left = ContinuousClock.now.duration(to: end)
            guard left > .zero else { throw TransportError(.timedOut, call: "recvmsg", reason: "no message in \(timeout)") }
            var state = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            poll(&state, 1, Int32(clamping: left.components.seconds * 1000 + 1000))
        }
    }
}
