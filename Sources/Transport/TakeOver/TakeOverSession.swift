import Crypto
import Glibc

/// The running process's side of one take-over's messages. Confined to its loop.
final class TakeOverSession {
    private let socket: LocalSocket
    private let readiness: Readiness

    /// For a message that does not fit into the socket while the other process does not read.
    private static let sendPatience = Duration.seconds(5)

    init(_ socket: LocalSocket, on loop: EventLoop) {
        self.socket = socket
        readiness = Readiness(socket.descriptor, on: loop)
    }

    /// - Throws: `TransportError` of kind `.timedOut` or `.closed`, or `TakeOverError` for a message that makes no sense.
    func receive(within timeout: Duration) async throws -> TakeOverMessage {
        let end = ContinuousClock.now + timeout
        while true {
            // A new process passes no descriptors on; what comes is closed here.
            if let packet = try socket.tryReceive() { return try TakeOverMessage(packet.bytes) }
            let left = ContinuousClock.now.duration(to: end)
            guard left > .zero else {
                throw TransportError(.timedOut, call: "recvmsg", reason: "the process said nothing for \(timeout)")
            }
            do { try await readiness.waitUntilReadable(timeout: left) } catch let error as TransportError
                where error.kind == .timedOut
            {}
        }
    }

    func send(_ message: TakeOverMessage, _ descriptors: [Int32] = []) async throws {
        let bytes = message.bytes
        while try !socket.trySend(bytes, descriptors) { try await readiness.waitUntilWritable(timeout: Self.sendPatience) }
    }

    /// Sends all sockets, in as many messages as they need.
    func send(_ estate: TakeOverOffer.Estate) async throws {
        var rest = estate.sockets[...]
        repeat {
            let batch = rest.prefix(LocalSocket.maxDescriptors)
            rest = rest.dropFirst(batch.count)
            let places = batch.map { TakeOverMessage.Place(address: $0.configured ?? $0.socket.address, isAdmin: $0.isAdmin) }
            try await send(
                .sockets(places, remaining: rest.count, key: estate.key?.reveal), batch.map(\.socket.descriptor))
        } while !rest.isEmpty
    }
}
