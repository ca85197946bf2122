package import Crypto
package import HTTP
package import Transport

/// A client's connection, from its first byte to its last. Requests come out of it one at a time: each gets its response before the next is read,
/// so pipelined requests get theirs in order. Confined to its loop.
package final class ServerConnection {
    /// The client's socket, plain or TLS.
    package let stream: SocketStream
    /// The socket's other end: the client, or a proxy before us.
    package let peer: SocketAddress
    /// The peer's address without its port, as text for the log: formatted once per connection.
    package private(set) lazy var peerText = Array(peer.host.utf8)
    /// The bounds of this connection.
    package let settings: ServerSettings
    /// The loop's scratch buffer: its content is valid until the next `await`.
    package let scratch: UnsafeMutableRawBufferPointer
    /// A malformed head, whose error response has been sent, ended the connection.
    private var wasRejected = false
    /// No further request is read after the current one.
    package private(set) var isDraining = false
    /// The response to the current request, or to the next one, is the last, and says so.
    package private(set) var isRetiring = false
    /// The head of a request has come. Until then a client is about to send one, and is not idle.
    package private(set) var hasHadRequest = false
    /// `abandon` ended the connection, perhaps in the middle of an exchange.
    package private(set) var isAbandoned = false

    /// Makes the whole response to a malformed head, and logs it.
    package typealias Rejection = (HeadError, ServerConnection) -> [UInt8]

    private let rejection: Rejection?
    let reader: MessageReader
    /// nil while the connection has been idle for a while.
    private var request: Request?
    private var isIdle = false
    /// What ended the last `park`; nil: the connection was not parked.
    private var parkWake: Wake?
    /// Of the head that `tryNext` has read.
    private var headError: (any Error)?
    /// Goes on with a parked connection: called once after each `park`, on the loop, when bytes have come, when the idle time is over, or when the
    /// connection is to end. The next call of `next` tells which. To be set before the first `park`.
    package var resume: () -> Void = {}
    /// `unparked`, made once: a wait for the next request allocates nothing. Unowned: the connection owns the stream and its waiter.
    private lazy var onWake: (Wake) -> Void = { [unowned self] wake in unparked(by: wake) }

    /// - Parameters:
    ///   - tally: what the connection's bytes are counted in.
    ///   - rejection: nil: the reason as plain text.
    package init(
        _ socket: AcceptedSocket, on loop: EventLoop, settings: ServerSettings, tally: ByteTally? = nil, rejection: Rejection? = nil
    ) {
        stream = SocketStream(socket.descriptor, on: loop, tally: tally)
        peer = socket.peer
        scratch = loop.scratch
        reader = MessageReader(stream, limits: settings.limits, truncation: "the client closed in the middle of its request")
        (self.settings, self.rejection) = (settings, rejection)
    }

    /// Does the TLS handshake where the listener has TLS. The caller closes when it throws.
    package func secure(_ server: TLSServer?) async throws {
        guard let server else { return }
        try await stream.acceptTLS(server, timeout: settings.tlsHandshakeTimeout)
    }

    /// Bytes of a request have come that were not read yet.
    package var hasArrivedInput: Bool { stream.hasArrivedInput }

    /// What comes next on a connection.
    package enum Next {
        case request(Request)
        /// No byte of another request is there yet. To be followed by `park`.
        case idle
        /// The connection is closed.
        case end
    }

    /// Reads the head of the next request; nil when the connection is over. Keeps the task while the connection is idle: for hosts of few
    /// connections. Others use `next` and `resume`.
    package func nextRequest() async -> Request? {
        while true {
            switch await next() {
            case .request(let request): return request
            case .end: return nil
            case .idle:
                await withUnsafeContinuation { continuation in
                    resume = { continuation.resume() }
                    park()
                }
            }
        }
    }

    /// Finishes the current request, dropping its unread body within bounds, and reads the head of the next. A malformed head gets an error
    /// response and ends the connection.
    package func next() async -> Next {
        if let next = tryNext() { return next }
        return await finishNext()
    }

    /// The same, where nothing has to be waited for: most requests save the call of an async function. nil: `finishNext` goes on.
    package func tryNext() -> Next? {
        if let request, request.isOpen {
            guard request.mayContinue, request.finish() else { return nil }
            releaseLargeBuffers()
        }
        guard mayBegin else { return nil }
        if parkWake == nil, !reader.hasBufferedInput, !stream.hasPending { return .idle }
        parkWake = nil
        do { return try tryReadHead() } catch {
            headError = error
            return nil
        }
    }

    /// What comes after `tryNext` has returned nil.
    package func finishNext() async -> Next {
        do {
            if let headError { throw headError }
            if let request, request.isOpen {
                guard request.mayContinue, await request.discardBody() else { return await end() }
                releaseLargeBuffers()
                return await next()
            }
            if mayBegin, let next = try await finishHead() { return next }
        } catch {
            if let error = error as? HeadError { await reject(error) }
        }
        return await end()
    }

    /// Another request may be read.
    private var mayBegin: Bool { !isDraining && parkWake != .timedOut }

    private func releaseLargeBuffers() {
        if let request, request.head.bytes.capacity > MessageReader.keptCapacity { self.request = nil }
        reader.releaseLargeBuffer()
    }

    /// Begins the request whose head is in the buffered input; nil: it is not complete.
    private func tryBegin() throws(HeadError) -> Next? {
        let request = request ?? Request(self)
        self.request = request
        guard try reader.tryTakeHead(request.head, as: .request) else { return nil }
        request.begin()
        hasHadRequest = true
        return .request(request)
    }
    /// Waits without a task after `next` has returned `idle`, and then calls `resume`.
    package func park() {
        guard !isDraining else { return resume() }
        isIdle = true
        watch(for: request == nil ? settings.idleTimeout : settings.heldTimeout)
    }

    private func watch(for timeout: Duration) {
        stream.waiter.reset()
        stream.waiter.onNextWake(onWake)
        stream.watchReadable(timeout: timeout)
    }

    private func unparked(by wake: Wake) {
        if wake == .timedOut, request != nil, settings.parkedTimeout > .zero {
            request = nil
            reader.releaseBuffer()
            return watch(for: settings.parkedTimeout)
        }
        isIdle = false
        parkWake = wake
        stream.unwatch()
        resume()
    }

    /// Ends the connection after the current exchange: at once when it is idle.
    package func drain() {
        isDraining = true
        if isIdle { stream.waiter.wake(.cancelled) }
    }

    /// Ends the connection after the next response that can tell the client so: unlike with `drain`, no client finds it closed that has just sent a
    /// request. An idle one stays until `drain`.
    package func retire() { isRetiring = true }

    /// Resets the connection, also in the middle of an exchange: the drain's time is over.
    package func abandon() {
        isAbandoned = true
        stream.waiter.cancel()
        stream.reset()
    }

    /// Closes in order. Reads from a client that still sends for a moment first: closing with unread bytes resets the connection, and the client
    /// may then lose the response (RFC 9112 9.6).
    private func end() async -> Next {
        if stream.isOpen, request?.hasUnreadBody == true || wasRejected { await stream.linger(for: Self.lingerTime) }
        stream.close()
        return .end
    }

    /// Reads a head from what is there; nil: more of it is needed, or the stream has ended.
    private func tryReadHead() throws -> Next? {
        if !reader.hasBufferedInput {
            guard case .bytes = try reader.tryReceive(through: headBuffer) else { return nil }
            // A TLS handshake record begins with 22 (RFC 8446 5.1). No method does.
            if !stream.isTLS, reader.firstBufferedByte == 22 { throw HeadError.tlsRecord }
        }
        reader.skipEmptyLine()
        stream.loop.spend()
        // Pipelined requests are taken without a wait, as many as a client sends: other connections have their turn in between.
        return try stream.loop.isTurnOver ? nil : tryBegin()
    }

    /// Waits for the rest of a head; nil: the stream has ended.
    private func finishHead() async throws -> Next? {
        let deadline = ContinuousClock.now + settings.headTimeout
        if stream.loop.isTurnOver { await stream.loop.nextTurn() }
        while true {
            reader.skipEmptyLine()
            if let next = try tryBegin() { return next }
            let left = ContinuousClock.now.duration(to: deadline)
            do {
                guard left > .zero else { throw TransportError(.timedOut, call: "recv", reason: "the head is late") }
                guard try await reader.receive(through: headBuffer, timeout: left) else { return nil }
            } catch let error as TransportError where error.kind == .timedOut {
                // A client that has sent a part of a request is told. One that has not, but a TLS record without payload, would take that for the response
                // to its next request: its connection is closed.
                guard reader.hasBufferedInput else { return nil }
                throw HeadError.timedOut
            }
            if !stream.isTLS, reader.firstBufferedByte == 22 { throw HeadError.tlsRecord }
        }
    }

    /// Never more is read at once than a head may have, so that a flood is refused before it is stored.
    private var headBuffer: UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(rebasing: scratch.prefix(settings.limits.bytes))
    }

    private func reject(_ error: HeadError) async {
        wasRejected = true
        let response =
            rejection?(error, self)
            ?? LastResponse.bytes(
                error.status, fields: [("Content-Type", "text/plain; charset=utf-8")], body: Array(error.reason.utf8Bytes) + [10],
                on: stream.loop)
        try? await stream.write(response, timeout: settings.stallTimeout)
    }

    /// How long a client may go on sending before the connection is closed on it.
    private static let lingerTime = Duration.seconds(2)
}
