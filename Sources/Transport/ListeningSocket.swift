import CLibevent
import Glibc

/// A TCP socket for `Listener`s: once it listens, the kernel takes connections, and keeps them until one of its listeners accepts them. Closed when
/// the last reference to it goes; the connections that it still keeps are then reset, unless another process has the socket too.
package final class ListeningSocket: Sendable {
    /// The address, with the port that the kernel picked where 0 was asked for.
    package let address: SocketAddress
    private let owned: Descriptor

    /// Connections that wait in the kernel to be accepted. Past it clients retry their SYN.
    static let backlog: Int32 = 1024

    /// Binds a socket, which takes no connection before `listen`.
    /// - Parameter isShared: this process has a socket on the address already, for another worker. Otherwise the address must be free: with
    ///   `SO_REUSEPORT` alone, a second process of the same user would silently get half of the connections.
    /// - Throws: `TransportError` of kind `.addressInUse` or `.system`.
    package init(on wanted: SocketAddress, isShared: Bool = false) throws(TransportError) {
        if !isShared { try Self.checkFree(wanted) }
        let type = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let number = socket(wanted.family, type, 0)
        guard number >= 0 else { throw TransportError(call: "socket", errno: errno) }
        owned = Descriptor(owning: number)
        var one: Int32 = 1
        let size = socklen_t(MemoryLayout<Int32>.size)
        setsockopt(number, SOL_SOCKET, SO_REUSEADDR, &one, size)
        setsockopt(number, SOL_SOCKET, SO_REUSEPORT, &one, size)
        guard wanted.withSockaddr({ bind(number, $0, $1) }) == 0 else { throw Self.cannotBind(wanted, errno) }
        address = Self.address(of: number) ?? wanted
    }

    /// Has the kernel take connections from now on. No effect on a socket that listens already.
    /// - Throws: `TransportError` of kind `.addressInUse` or `.system`.
    package func listen() throws(TransportError) {
        guard !isListening else { return }
        guard Glibc.listen(descriptor, Self.backlog) == 0 else { throw Self.cannotBind(address, errno) }
    }

    /// The kernel takes connections.
    package var isListening: Bool { Self.option(SO_ACCEPTCONN, of: descriptor) == 1 }

    /// Takes a socket that another process has made: the service manager, or the gateway before this one.
    /// - Throws: why it is none that connections can be accepted from.
    package init(inherited: Descriptor) throws(TransportError) {
        let number = inherited.number
        func reject(_ reason: String) -> TransportError { TransportError(.system, call: "getsockopt", reason: reason) }
        guard let type = Self.option(SO_TYPE, of: number) else { throw reject("it is no socket") }
        guard type == Int32(SOCK_STREAM.rawValue) else { throw reject("it is no stream socket") }
        guard let address = Self.address(of: number) else { throw reject("it is no TCP socket: it has no IP address") }
        guard Self.option(SO_ACCEPTCONN, of: number) == 1 else { throw reject("it does not listen") }
        // Neither survives execve(2) or comes with the descriptor for certain, and a blocking accept(2) would stop a worker.
        _ = fcntl(number, F_SETFD, FD_CLOEXEC)
        _ = fcntl(number, F_SETFL, fcntl(number, F_GETFL) | O_NONBLOCK)
        (self.address, owned) = (address, inherited)
    }

    /// For accept(2), and for passing the socket on.
    var descriptor: Int32 { owned.number }

    /// Another socket of this user may listen on the address besides this one, and take a share of its connections.
    package var allowsOthers: Bool { Self.option(SO_REUSEPORT, of: descriptor) == 1 }

    /// Has the kernel leave requests for new connections (SYN) unanswered: clients ask again a second later, when another socket may have the address.
    /// Handshakes that have begun go on. false: not possible, or not wanted for a socket of the service manager's, which keeps it for later.
    func holdBack() -> Bool { allowsOthers && berth_drop_syn(descriptor, 1) == 0 }

    /// Undoes `holdBack`, also that of another process that has the socket.
    func goOn() { _ = berth_drop_syn(descriptor, 0) }

    /// Throws when the address cannot be listened on now. Leaves nothing behind.
    package static func checkFree(_ wanted: SocketAddress) throws(TransportError) {
        let probe = socket(wanted.family, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard probe >= 0 else { throw TransportError(call: "socket", errno: errno) }
        defer { close(probe) }
        var one: Int32 = 1
        setsockopt(probe, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
        guard wanted.withSockaddr({ bind(probe, $0, $1) }) == 0 else { throw cannotBind(wanted, errno) }
    }

    private static func cannotBind(_ address: SocketAddress, _ code: Int32) -> TransportError {
        TransportError(code == EADDRINUSE ? .addressInUse : .system, call: "bind", reason: "\(address): \(describe(errno: code))")
    }

    private static func option(_ name: Int32, of number: Int32) -> Int32? {
        var value: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        return getsockopt(number, SOL_SOCKET, name, &value, &length) == 0 ? value : nil
    }

    private static func address(of number: Int32) -> SocketAddress? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let result = withUnsafeMutablePointer(to: &storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(number, $0, &length) }
        }
        return result == 0 ? SocketAddress(storage) : nil
    }
}
