package import Crypto
import Glibc

/// Offers this process's listening sockets to a new process of the same user, which connects to a Unix socket for them. One take-over at a time. Until
/// the new process is ready, nothing changes here, whatever becomes of it.
package actor TakeOverOffer {
    /// The control loop.
    nonisolated let loop: EventLoop
    /// Runs the actor on the control loop.
    package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    /// What is handed over.
    package struct Estate: Sendable {
        /// All listening sockets.
        package let sockets: [HandedSocket]
        /// Signs bearer tokens that clients hold; nil: none is passed on.
        package let key: Secret<[UInt8]>?

        /// - Parameter key: nil: none is passed on.
        package init(sockets: [HandedSocket], key: Secret<[UInt8]>?) { (self.sockets, self.key) = (sockets, key) }
    }

    /// What happens to the offer, for the log. Processes by their ids.
    package enum Event: Sendable {
        /// A new process has been given the sockets, and starts.
        case began(process: Int32, version: String)
        /// It accepts connections: this process is to stop accepting and to drain.
        case handedOver(process: Int32)
        /// It is gone, said that it cannot serve, or said nothing for too long. Everything is as before.
        case failed(process: Int32, reason: String)
        /// A connection got no sockets.
        case rejected(reason: String)
    }

    /// The path of the Unix socket.
    package nonisolated let path: String
    private let patience: Duration
    private let estate: @Sendable () async -> Estate
    private let report: @Sendable (Event) async -> Void
    /// nil: closed.
    private var socket: LocalSocket?
    private let readiness: Readiness
    private let identity: FileIdentity?
    private var connections = 0
    /// The process that takes over now.
    private var successor: (process: Int32, session: TakeOverSession)?
    /// Why nothing is handed over any more; nil: it is.
    private var closedBecause: String?

    /// Connections at one time. One is of use; the others are told so.
    private static let maxConnections = 8
    /// For the first message.
    private static let requestPatience = Duration.seconds(5)

    /// Offers the sockets at once, in the place of another process that did so at the path.
    /// - Parameters:
    ///   - patience: how long a new process may take to be ready.
    ///   - estate: asked at each take-over.
    ///   - report: called on any thread, one after another for each take-over.
    /// - Throws: the socket cannot be made.
    package init(
        at path: String, on loop: EventLoop, patience: Duration, estate: @escaping @Sendable () async -> Estate,
        report: @escaping @Sendable (Event) async -> Void
    ) throws(TransportError) {
        (self.path, self.loop, self.patience, self.estate, self.report) = (path, loop, patience, estate, report)
        let socket = try LocalSocket.listen(at: path)
        (self.socket, identity) = (socket, FileIdentity(path))
        readiness = Readiness(socket.descriptor, on: loop)
    }

    /// Accepts connections until `close`.
    package func run() async {
        while let socket {
            do { try await readiness.waitUntilReadable(timeout: nil) } catch { return }
            var accepted = 0
            while let connection = socket.accept() {
                accepted += 1
                guard connections < Self.maxConnections else { continue }
                connections += 1
                Task {
                    await serve(connection)
                    connections -= 1
                }
            }
            // No descriptor is left; asking at once again would spin.
            if accepted == 0 { await loop.sleep(for: .milliseconds(100)) }
        }
    }

    /// Hands over nothing more, tells a new process so that is not ready yet, and removes the Unix socket. Returns at once.
    package func close(because reason: String) {
        guard let socket else { return }
        self.socket = nil
        // After a take-over the path is the new process's, which puts its own socket there at this moment: it would be removed in the place of this one.
        if closedBecause == nil, let identity, FileIdentity(path) == identity { unlink(path) }
        closedBecause = closedBecause ?? reason
        readiness.close()?.wake(.cancelled)
        Task { await tellSuccessor(reason) }
        withExtendedLifetime(socket) {}  // closed after its events
    }

    private func tellSuccessor(_ reason: String) async {
        if let session = successor?.session { try? await session.send(.rejected(reason: reason)) }
    }

    private func serve(_ connection: LocalSocket) async {
        let session = TakeOverSession(connection, on: loop)
        do {
            // Read in any case: closing with an unread message resets the connection, and the other process would not see why.
            let first: TakeOverMessage
            do { first = try await session.receive(within: Self.requestPatience) } catch let error as TransportError
                where error.kind == .closed
            { return }  // it only wanted to know whether sockets are offered here
            guard case .request(let version) = first else { throw TakeOverError("the first message is no request") }
            guard let peer = connection.peer, peer.user == geteuid() || peer.user == 0 else {
                throw TakeOverError("only user \(geteuid()) and root may take over; you are user \(connection.peer?.user ?? 0)")
            }
            if let successor {
                throw TakeOverError(
                    "process \(successor.process) is taking over already; try again when it has ended or taken over")
            }
            if let closedBecause { throw TakeOverError(closedBecause) }
            successor = (peer.process, session)
            await handOver(to: peer.process, version, session, connection)
            successor = nil
        } catch {
            let reason = Self.reason(of: error)
            try? await session.send(.rejected(reason: reason))
            await report(.rejected(reason: reason))
        }
    }

    private func handOver(to process: Int32, _ version: String, _ session: TakeOverSession, _ connection: LocalSocket) async {
        do {
            let estate = await estate()
            try await session.send(estate)
            await report(.began(process: process, version: version))
            switch try await session.receive(within: patience) {
            case .ready: break
            case .failed(let reason): throw TakeOverError(reason)
            case let message: throw TakeOverError("'\(message.name)' came instead of 'ready'")
            }
            if let closedBecause { throw TakeOverError(closedBecause) }
            guard !connection.isPeerGone else { throw TakeOverError("the process ended as soon as it was ready") }
            // Others are told so until the new process offers its sockets at the path.
            closedBecause = "process \(process) has just taken over; try again"
            await report(.handedOver(process: process))
            try? await session.send(.released)
        } catch {
            let reason = Self.reason(of: error)
            try? await session.send(.rejected(reason: reason))
            await report(.failed(process: process, reason: reason))
        }
    }

    private static func reason(of error: any Error) -> String { (error as? TransportError)?.reason ?? "\(error)" }
}

/// Which file a path leads to.
private struct FileIdentity: Equatable {
    let device: dev_t, number: ino_t

    init?(_ path: String) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return nil }
        (device, number) = (status.st_dev, status.st_ino)
    }
}
