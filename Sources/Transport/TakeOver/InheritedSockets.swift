import Synchronization

/// Listening sockets that this process has been given at its start, until its configuration claims them by their addresses. What is not claimed
/// is closed with this object.
package final class InheritedSockets: Sendable {
    private let sockets: Mutex<[HandedSocket]>

    /// - Parameter sockets: those of one address in the order of their workers.
    package init(_ sockets: [HandedSocket] = []) { self.sockets = Mutex(sockets) }

    /// All sockets of an address of the configuration; empty: there are none, and the address is to be bound. Each is given away once.
    ///
    /// Port 0 gets the port that the process before this one had for it: the first one that no earlier call got.
    /// - Parameter isAdmin: for the admin listener. With port 0 it does not get the port of one for registry clients, nor the other way round.
    package func claim(_ address: SocketAddress, isAdmin: Bool = false) -> [ListeningSocket] {
        sockets.withLock { sockets in
            guard
                let bound = address.port != 0
                    ? address : sockets.first(where: { $0.configured == address && $0.isAdmin == isAdmin })?.socket.address
            else { return [] }
            defer { sockets.removeAll { $0.socket.address == bound } }
            return sockets.filter { $0.socket.address == bound }.map(\.socket)
        }
    }

    /// The addresses of the sockets that are left, each once.
    package var unclaimed: [SocketAddress] {
        sockets.withLock { sockets in
            var seen: Set<SocketAddress> = []
            return sockets.map(\.socket.address).filter { seen.insert($0).inserted }
        }
    }

    /// Whether one of these addresses is among the sockets, so that a claim would find it.
    package func has(anyOf addresses: [SocketAddress]) -> Bool {
        sockets.withLock { sockets in
            sockets.contains { socket in
                addresses.contains { $0.port == 0 ? socket.configured == $0 : socket.socket.address == $0 }
            }
        }
    }

    /// Closes the sockets that are left.
    package func closeUnclaimed() { sockets.withLock { $0 = [] } }
}
