package import Crypto
import Glibc

/// The running process, as the new one sees it that takes over from it. Its calls block the thread; not for loops.
package final class Predecessor: Sendable {
    /// Its process id.
    package let process: Int32
    /// The listening sockets that it has passed on. It accepts from them too, until `replace` has returned.
    package let sockets: InheritedSockets
    /// Signs bearer tokens that clients hold; nil: none was passed on.
    package let key: Secret<[UInt8]>?
    private let socket: LocalSocket

    /// Between two messages of the running process, which may be busy.
    package static let patience = Duration.seconds(30)

    private let patience: Duration

    /// Gets the listening sockets of the process that offers them at a path.
    /// - Parameters:
    ///   - version: of this program.
    ///   - patience: between two messages of the running process.
    /// - Returns: nil: no process does.
    /// - Throws: it rejects this process, or it is no berth that can be taken over from.
    package static func connect(to path: String, version: String, patience: Duration = patience) throws(TakeOverError)
        -> Predecessor?
    {
        do {
            return try Predecessor(try LocalSocket.connect(to: path), version, patience)
        } catch let error as TransportError {
            if error.kind == .refused { return nil }
            throw TakeOverError("\(path): \(error.reason)")
        } catch {
            throw TakeOverError("\(path): \(error)")
        }
    }

    /// Whether a process offers its listening sockets at a path.
    package static func isOffered(at path: String) -> Bool { (try? LocalSocket.connect(to: path)) != nil }

    private init(_ socket: LocalSocket, _ version: String, _ patience: Duration) throws {
        guard let peer = socket.peer, peer.user == geteuid() || peer.user == 0 else {
            throw TakeOverError(
                "the socket belongs to user \(socket.peer?.user ?? 0), not to \(geteuid()) or root; nothing is taken from it")
        }
        (self.socket, process, self.patience) = (socket, peer.process, patience)
        guard try socket.trySend(TakeOverMessage.request(version: version).bytes) else {
            throw TakeOverError("process \(peer.process) reads no message")
        }
        var handed: [HandedSocket] = []
        var expected: Int?
        var key: [UInt8]?
        repeat {
            let packet = try socket.receive(within: patience)
            switch try TakeOverMessage(packet.bytes) {
            case .sockets(let places, let remaining, let more):
                guard places.count == packet.descriptors.count, places.count <= expected ?? .max,
                    remaining == expected.map({ $0 - places.count }) ?? remaining, remaining == 0 || !places.isEmpty
                else {
                    throw TakeOverError(
                        "a message has \(places.count) addresses, \(packet.descriptors.count) sockets and \(remaining) to follow"
                    )
                }
                for (place, descriptor) in zip(places, packet.descriptors) {
                    handed.append(
                        HandedSocket(
                            configured: place.address, isAdmin: place.isAdmin, socket: try ListeningSocket(inherited: descriptor)))
                }
                (expected, key) = (remaining, more ?? key)
            case .rejected(let reason): throw TakeOverError("process \(peer.process) hands over nothing: \(reason)")
            case let message: throw TakeOverError("'\(message.name)' came instead of 'sockets'")
            }
        } while expected != 0
        (sockets, self.key) = (InheritedSockets(handed), key.map { Secret($0) })
    }

    /// Says that this process accepts connections, and waits until the running one has stopped doing so. One that has ended counts as stopped.
    /// - Throws: it goes on serving.
    package func replace() throws(TakeOverError) {
        do {
            // It may have said meanwhile that it ends.
            if let packet = try socket.tryReceive(), case .rejected(let reason) = try TakeOverMessage(packet.bytes) {
                throw TakeOverError("process \(process) hands over nothing any more: \(reason)")
            }
            guard try socket.trySend(TakeOverMessage.ready.bytes) else {
                throw TakeOverError("process \(process) reads no message")
            }
            switch try TakeOverMessage(try socket.receive(within: patience).bytes) {
            case .released: return
            case .rejected(let reason): throw TakeOverError("process \(process) goes on serving: \(reason)")
            case let message: throw TakeOverError("'\(message.name)' came instead of 'released'")
            }
        } catch let error as TransportError where error.kind == .closed {
            return
        } catch {
            throw TakeOverError((error as? TransportError)?.reason ?? "\(error)")
        }
    }

    /// Says why this process cannot serve.
    package func giveUp(because reason: String) {
        // The other process notices this one's end anyway.
        _ = try? socket.trySend(TakeOverMessage.failed(reason: reason).bytes)
    }
}
