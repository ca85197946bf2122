import Admin
import Configuration
import Gateway
import Logging
import Synchronization
import Transport

/// The admin listener's socket, which a reload can move to another address.
final class AdminListener: Sendable {
    private struct State {
        var socket: ListeningSocket
        /// nil: not started yet, or stopped.
        var listener: Listener?
        var number = 0
    }

    private let state: Mutex<State>
    private let host: AdminHost
    private let log: Logger

    /// Listens at the configuration's address. Connections wait until `start`.
    /// - Parameter inherited: sockets that are taken instead of binding their addresses.
    init(_ settings: Settings, host: AdminHost, log: Logger, inherited: InheritedSockets) throws(TransportError) {
        (self.host, self.log) = (host, log)
        let socket: ListeningSocket
        if let claimed = inherited.claim(settings.admin, isAdmin: true).first {
            socket = claimed
        } else {
            socket = try Self.bind(settings, leaving: [])
        }
        try socket.listen()
        state = Mutex(State(socket: socket))
    }

    /// The address, with the port that the kernel picked where 0 was asked for.
    var address: SocketAddress { state.withLock { $0.socket.address } }

    /// The present socket.
    var socket: ListeningSocket { state.withLock { $0.socket } }

    /// Binds the address of a configuration, for `move`.
    /// - Parameter leaving: addresses of this process that are about to become free.
    static func bind(_ settings: Settings, leaving: [SocketAddress]) throws(TransportError) -> ListeningSocket {
        do throws(TransportError) {
            return try ListeningSocket(on: settings.admin, isShared: leaving.contains(where: settings.admin.overlaps))
        } catch {
            throw error.listening(at: "admin.address", of: settings)
        }
    }

    func start() { state.withLock { $0.listener = listener(on: $0.socket, number: $0.number) } }

    private func listener(on socket: ListeningSocket, number: Int) -> Listener {
        Listener(on: socket, number: number, host: host) { [log] error in
            log.error("connections to the admin listener cannot be accepted", metadata: ["reason": "\(error)"])
        }
    }

    /// Accepts from another socket, which listens, instead of the present one.
    func move(to socket: ListeningSocket) async {
        let (former, number) = state.withLock { state in
            let former = state.listener
            state.number += 1
            (state.socket, state.listener) = (socket, former == nil ? nil : listener(on: socket, number: state.number))
            return (former, state.number)
        }
        await former?.finish()
        await host.moved(to: number)
    }

    /// Ends the event streams, and accepts nothing more.
    func stop() async {
        await host.moved(to: -1)  // a client that keeps its connection would never see the new process
        await host.end()
        let listener = state.withLock { state in
            defer { state.listener = nil }
            return state.listener
        }
        listener?.stop()
    }
}
