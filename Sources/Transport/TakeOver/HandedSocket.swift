/// A listening socket that passes from one process to the next.
package struct HandedSocket: Sendable {
    /// As the configuration of the process that made it writes it: with port 0 where the kernel picked one. nil: the service manager made it.
    package let configured: SocketAddress?
    /// The admin listener's, not one for registry clients.
    package let isAdmin: Bool
    /// The socket.
    package let socket: ListeningSocket

    /// - Parameter configured: nil: the service manager made it.
    package init(configured: SocketAddress?, isAdmin: Bool = false, socket: ListeningSocket) {
        (self.configured, self.isAdmin, self.socket) = (configured, isAdmin, socket)
    }
}
