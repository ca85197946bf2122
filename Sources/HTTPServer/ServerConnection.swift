package import Crypto
package import HTTP
package import Transport

/// A client's connection, from its first byte to its last: requests come out of it in order, one at a time, and each is
/// answered before the next is read, so pipelined requests are answered in order too. Confined to its loop.
package final class ServerConnection {
    package let stream: SocketStream
    package let peer: SocketAddress
    /// The peer's address without its port, as text for the log: made once a connection.
    package private(set) lazy var peerText = Array(peer.host.utf8)
    package let settings: ServerSettings
    /// The loop's scratch buffer: what is in it is good until the next `await`.
    package let scratch: UnsafeMutableRawBufferPointer
    /// The head that ended the connection; it has been answered.
    private var refusal: HeadError?
    /// No further request is read after the one being answered.
    package private(set) var isDraining = false
    /// It was ended in the middle of an exchange, by us.
    package private(set) var isAbandoned = false

    /// What a malformed head is answered with, whole; it is logged there as well.
    package typealias Rejection = (HeadError, ServerConnection) -> [UInt8]

    private let rejection: Rejection?
    let reader: MessageReader
    /// nil while the connection is idle.
    private var request: Request?
    private var isIdle = false
    /// What ended the time without a task.
    private var parkedUntil: Wake?

    /// - Parameter rejection: nil: the reason as plain text.
    package init(
        _ socket: AcceptedSocket, on loop: EventLoop, settings: ServerSettings, tally: ByteTally? = nil, rejection: Rejection? = nil
    ) {
        stream = SocketStream(socket.descriptor, on: loop, tally: tally)
        peer = socket.peer
        scratch = loop.scratch
        reader = MessageReader(stream, limits: settings.limits, truncation: "the client closed in the middle of its request")
        (self.settings, self.rejection) = (settings, rejection)
    }

    /// The TLS handshake, where the listener has one. false: it failed and the connection is closed.
    package func secure(_ server: TLSServer?) async throws {
        guard let server else { return }
        try await stream.acceptTLS(server, timeout: settings.tlsHandshakeTimeout)
    }

    /// What a connection has next.
    package enum Next {
        case request(Request)
        /// Nothing for a while: what it held is given back. To be followed by `park`.
        case idle
        /// It is closed.
        case end
    }

    /// The next request, its head parsed; nil when the connection is over. For hosts of few connections; others use `next`.
    package func nextRequest() async -> Request? {
        while true {
            switch await next() {
            case .request(let request): return request
            case .end: return nil
            case .idle: await withUnsafeContinuation { continuation in park { continuation.resume() } }
            }
        }
    }

    /// The next request, its head parsed. What is malformed is answered, and ends the connection. The request before it is
    /// finished first: its unread body is passed over, within bounds.
    package func next() async -> Next {
        if let request, request.isOpen, await !request.finish() {
            await close()
            return .end
        }
        do {
            guard !isDraining, parkedUntil != .timedOut else {
                await close()
                return .end
            }
            if parkedUntil == nil, !reader.hasBufferedInput, !stream.hasPending, try await !hasArrived() {
                request = nil
                reader.releaseBuffer()
                return .idle
            }
            parkedUntil = nil
            let request = request ?? Request(self)
            self.request = request
            guard try await readHead(into: request.head) else {
                await close()
                return .end
            }
            request.begin()
            return .request(request)
        } catch {
            if let error = error as? HeadError { await refuse(error) }
            await close()
            return .end
        }
    }

    /// Waits without a task after `next` said `idle`. `resume` is called once, on the loop: when bytes have come, when the idle time is
    /// over, or when the connection is to end. `next` then says which.
    package func park(_ resume: @escaping () -> Void) {
        guard !isDraining else { return resume() }
        isIdle = true
        stream.waiter.reset()
        stream.waiter.whenWoken { [unowned self] wake in  // the connection owns the stream and its waiter
            isIdle = false
            parkedUntil = wake
            stream.unwatch()
            resume()
        }
        stream.watchReadable(timeout: settings.parkedTimeout)
    }

    /// Waits for the first byte of a request for as long as an idle connection may hold memory. false: none has come.
    private func hasArrived() async throws -> Bool {
        isIdle = true
        defer { isIdle = false }
        do { try await stream.waitUntilReadable(timeout: settings.heldTimeout) } catch let error as TransportError
            where error.kind == .timedOut && settings.parkedTimeout > .zero
        { return false }
        return true
    }

    /// Ends the connection as soon as no exchange is on it: at once when it is idle.
    package func drain() {
        isDraining = true
        if isIdle { stream.waiter.wake(.cancelled) }
    }

    /// Ends it whatever is on it: the drain's time is up.
    package func abandon() {
        isAbandoned = true
        stream.waiter.cancel()
        stream.reset()
    }

    /// In order; a client that still sends is heard out for a moment, since closing with unread bytes resets the connection
    /// and may take the answer with it (RFC 9112 9.6).
    private func close() async {
        if stream.isOpen, request?.hasUnreadBody == true || refusal != nil { await stream.linger(for: Self.lingerTime) }
        stream.close()
    }

    private func readHead(into head: Head) async throws -> Bool {
        if !reader.hasBufferedInput {
            guard try await receive(timeout: settings.headTimeout) else { return false }
            // RFC 8446 5.1: a handshake record. No method begins so.
            if !stream.isTLS, reader.firstBufferedByte == 22 { throw HeadError.tlsRecord }
        }
        reader.skipEmptyLine()
        // Requests that have come already are taken without a wait, as many as a client sends: the others have their turn in between.
        stream.loop.spend()
        if stream.loop.isTurnOver { await stream.loop.nextTurn() }
        if try reader.tryTakeHead(head, as: .request) { return true }
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
        } while try !reader.tryTakeHead(head, as: .request)
        return true
    }

    /// More bytes into the reader. Never more at once than a head may have, so that a flood is refused before it is stored.
    private func receive(timeout: Duration) async throws -> Bool {
        let room = UnsafeMutableRawBufferPointer(rebasing: scratch.prefix(settings.limits.bytes))
        return try await reader.receive(through: room, timeout: timeout)
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
