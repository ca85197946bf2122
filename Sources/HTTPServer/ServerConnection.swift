import Crypto
import HTTP
import Transport

/// A client's connection, from its first byte to its last: requests come out of it in order, one at a time, and each is
/// answered before the next is read, so pipelined requests are answered in order too. Confined to its loop.
public final class ServerConnection {
    public let stream: Stream
    public let peer: SocketAddress
    /// The peer's address without its port, as text for the log: made once a connection.
    public private(set) lazy var peerText = Array(peer.host.utf8)
    public let settings: ServerSettings
    /// The loop's scratch buffer: what is in it is good until the next `await`.
    public let scratch: UnsafeMutableRawBufferPointer
    /// The head that ended the connection, for the log; it has been answered.
    public private(set) var refusal: HeadError?
    /// No further request is read after the one being answered.
    public private(set) var isDraining = false
    /// It was ended in the middle of an exchange, by us.
    public private(set) var isAbandoned = false
    /// Bytes of the heads and bodies of requests, as they were on the wire (inside TLS).
    public internal(set) var received = 0

    /// What a malformed head is answered with, whole; it is logged there as well.
    public typealias Rejection = (HeadError, ServerConnection) -> [UInt8]

    private let rejection: Rejection?
    var reader: HeadReader
    private lazy var request = Request(self)
    private var isIdle = false

    /// - Parameter rejection: nil: the reason as plain text.
    public init(_ socket: AcceptedSocket, on loop: EventLoop, settings: ServerSettings, rejection: Rejection? = nil) {
        stream = Stream(socket.descriptor, on: loop)
        peer = socket.peer
        scratch = loop.scratch
        reader = HeadReader(limits: settings.limits)
        (self.settings, self.rejection) = (settings, rejection)
    }

    /// The TLS handshake, where the listener has one. false: it failed and the connection is closed.
    public func secure(_ server: TLSServer?) async throws {
        guard let server else { return }
        try await stream.acceptTLS(server, timeout: settings.tlsHandshakeTimeout)
    }

    /// The next request, its head parsed; nil when the connection is over. What is malformed has then been answered and is
    /// in `refusal`. The request before it is finished first: its unread body is passed over, within bounds.
    public func nextRequest() async -> Request? {
        if request.isOpen, await !request.finish() {
            await close()
            return nil
        }
        do {
            guard !isDraining, try await readHead() else {
                await close()
                return nil
            }
            request.begin()
            return request
        } catch {
            if let error = error as? HeadError { await refuse(error) }
            await close()
            return nil
        }
    }

    /// Ends the connection as soon as no exchange is on it: at once when it is idle.
    public func drain() {
        isDraining = true
        if isIdle { stream.waiter.wake(.cancelled) }
    }

    /// Ends it whatever is on it: the drain's time is up.
    public func abandon() {
        isAbandoned = true
        stream.waiter.cancel()
        stream.reset()
    }

    /// In order; a client that still sends is heard out for a moment, since closing with unread bytes resets the connection
    /// and may take the answer with it (RFC 9112 9.6).
    private func close() async {
        if stream.isOpen, request.hasUnreadBody || refusal != nil { await stream.linger(for: Self.lingerTime) }
        stream.close()
    }

    private func readHead() async throws -> Bool {
        if reader.input.isEmpty {
            if !stream.hasPending {
                isIdle = true
                defer { isIdle = false }
                try await stream.untilReadable(timeout: settings.idleTimeout)
            }
            guard try await receive(timeout: settings.headTimeout) else { return false }
            // RFC 8446 5.1: a handshake record. No method begins so.
            if !stream.isTLS, reader.input.first == 22 { throw HeadError.tlsRecord }
        }
        reader.skipEmptyLine()
        if try reader.take(request.head, as: .request) { return true }
        let deadline = ContinuousClock.now + settings.headTimeout
        repeat {
            let left = ContinuousClock.now.duration(to: deadline)
            guard left > .zero else { throw HeadError.timedOut }
            do {
                guard try await receive(timeout: left) else { return false }
            } catch let error as TransportError where error.kind == .timedOut {
                throw HeadError.timedOut
            }
            reader.skipEmptyLine()
        } while try !reader.take(request.head, as: .request)
        return true
    }

    /// More bytes into the reader. Never more at once than a head may have, so that a flood is refused before it is stored.
    private func receive(timeout: Duration) async throws -> Bool {
        let room = UnsafeMutableRawBufferPointer(rebasing: scratch.prefix(settings.limits.bytes))
        let count = try await stream.read(into: room, timeout: timeout)
        reader.input.append(contentsOf: UnsafeRawBufferPointer(rebasing: room.prefix(count)))
        received += count
        return count > 0
    }

    private func refuse(_ error: HeadError) async {
        refusal = error
        let response =
            rejection?(error, self)
            ?? LastResponse.bytes(
                error.status, fields: [("Content-Type", "text/plain; charset=utf-8")], body: Array(error.reason.utf8Bytes) + [10],
                on: stream.loop)
        try? await stream.write(response, timeout: settings.stallTimeout)
    }

    /// Bound of hearing out a client whose connection is to be closed.
    private static let lingerTime = Duration.seconds(2)
}
