package import Crypto
import Glibc
import HTTP

/// A connected non-blocking socket, plain or TLS, confined to one loop. Deliberately not `Sendable`.
package final class SocketStream {
    /// The only loop that may use this stream.
    package let loop: EventLoop
    let socket: Socket
    let readiness: Readiness
    private var tls: TLSSession?
    private let tally: ByteTally?

    /// Owns the descriptor from here on.
    /// - Parameter tally: what its bytes are counted in.
    package init(_ descriptor: Int32, on loop: EventLoop, tally: ByteTally? = nil) {
        (self.loop, self.tally, socket) = (loop, tally, Socket(descriptor: descriptor))
        readiness = Readiness(descriptor, on: loop)
        socket.disableNagle()
    }

    deinit { close() }

    /// A TLS handshake has begun.
    package var isTLS: Bool { tls != nil }
    /// Neither closed nor reset by us. The peer may have closed.
    package var isOpen: Bool { !readiness.isClosed }

    /// Bytes written so far, above TLS.
    package private(set) var sent = 0 { didSet { tally?.addSent(sent &- oldValue) } }

    // MARK: Waiting

    /// Where this stream's waits happen. A task that serves two streams gives both the same one.
    package var waiter: Waiter {
        get { readiness.waiter }
        set { readiness.waiter = newValue }
    }
    /// The socket became readable while no task waited for it: a pooled idle connection is then over.
    package var hasUnexpectedInput: Bool { readiness.hasUnexpectedInput }

    /// Wakes `waiter` when bytes or the stream's end have come. `timeout` nil: without limit.
    package func watchReadable(timeout: Duration?) { readiness.watchReadable(timeout: timeout) }
    /// Wakes `waiter` when the socket takes bytes again. `timeout` nil: without limit.
    package func watchWritable(timeout: Duration?) { readiness.watchWritable(timeout: timeout) }
    /// Watches an idle connection of a pool: sets `hasUnexpectedInput` when the peer ends it or sends something.
    package func watchForClose() { readiness.watchForClose() }
    /// Ends what `watchReadable` and `watchWritable` began.
    package func unwatch() { readiness.unwatch() }

    /// - Throws: `TransportError` of kind `.timedOut`, or `.cancelled` when the connection is closed meanwhile.
    package func waitUntilReadable(timeout: Duration?) async throws { try await readiness.waitUntilReadable(timeout: timeout) }

    /// `timeout` begins after the first 100 ms, and anew while the peer takes bytes, though the socket has no room yet. Throws as `waitUntilReadable`.
    package func waitUntilWritable(timeout: Duration?) async throws {
        // Most waits end sooner, and need not ask where the peer stands.
        var (limit, before) = (timeout.map { min($0, Self.shortWait) }, Int?.none)
        while true {
            try readiness.beginWrite(timeout: limit)
            do { return try readiness.end(await readiness.waiter.wait(), of: "write") } catch let error as TransportError {
                guard error.kind == .timedOut, before.map(hasTaken(since:)) ?? true else { throw error }
            }
            (limit, before) = (timeout, unacknowledged)
        }
    }
    private static let shortWait = Duration.milliseconds(100)

    /// Bytes written that the peer has not acknowledged yet.
    package var unacknowledged: Int { isOpen ? socket.unacknowledged : 0 }
    /// The peer has taken some of them, although the socket may not be writable: it is that only when a third of its buffer is free, perhaps megabytes.
    package func hasTaken(since unacknowledged: Int) -> Bool { isOpen && socket.hasTaken(since: unacknowledged) }

    /// Waits for `duration`. What comes meanwhile stays unread.
    /// - Throws: `TransportError` of kind `.closed` when the peer closes or resets meanwhile, `.cancelled` when the connection is closed here.
    package func pause(for duration: Duration) async throws {
        let end = ContinuousClock.now + duration
        while case let left = ContinuousClock.now.duration(to: end), left > .zero {
            guard !isEndedByPeer else { throw TransportError(.closed, call: "poll", reason: "the peer closed") }
            try await readiness.pause(for: min(left, Self.endCheck))
        }
    }

    /// How often a pause looks for the peer's end: epoll does not tell a reset behind unread bytes without turning in a circle.
    private static let endCheck = Duration.milliseconds(100)

    /// Bytes have come that were not read yet, below TLS.
    package var hasArrivedInput: Bool { isOpen && socket.hasInput }
    /// The peer has ended its side or reset the connection, also when bytes that it sent before are still to be read. A system call. A peer that has only
    /// ended its side, and still reads, looks like one that has closed: as to nginx and to Go's server, it is gone to whoever would wait for its sake.
    package var isEndedByPeer: Bool { !isOpen || socket.isEndedByPeer }

    // MARK: Reading

    /// How much TLS takes off the socket at once.
    package var readAhead = ReadAhead.record { didSet { if readAhead != oldValue { tls?.setReadAhead(readAhead) } } }

    /// Bytes lie decrypted or read ahead, which the socket does not show: read before waiting.
    package var hasPending: Bool { tls?.hasPending ?? false }

    /// Reads what is there now, without waiting. The buffer holds it until the next `await` only, when it is a loop's scratch.
    package func tryRead(into buffer: UnsafeMutableRawBufferPointer) throws(TransportError) -> IOProgress {
        guard isOpen else { throw .connectionClosed("recv") }
        loop.spend()
        let progress: IOProgress
        if let tls {
            do { progress = try tls.read(into: buffer) } catch { throw TransportError(error) }
        } else {
            progress = try socket.tryRead(into: buffer)
        }
        if case .bytes(let count) = progress { tally?.addReceived(count) }
        return progress
    }

    /// Reads at least one byte. Waits when there is none, or when other connections are to have their turn first. 0: the stream has ended.
    package func read(into buffer: UnsafeMutableRawBufferPointer, timeout: Duration?) async throws -> Int {
        if loop.isTurnOver { await loop.nextTurn() }
        while true {
            switch try tryRead(into: buffer) {
            case .bytes(let count): return count
            case .end: return 0
            case .wantsRead: try await waitUntilReadable(timeout: timeout)
            case .wantsWrite: try await waitUntilWritable(timeout: timeout)
            }
        }
    }

    // MARK: Writing

    /// How full the socket is.
    package var sendBuffer: SendBuffer { socket.sendBuffer }
    /// TLS has taken bytes that the socket has not: wait until it is writable, then write on, with an empty buffer if there is nothing more.
    package var hasUnsent: Bool { tls?.hasUnsent ?? false }

    /// Writes without waiting.
    /// - Returns: the bytes taken, perhaps 0. All are on their way only when all were taken and `hasUnsent` is false.
    package func tryWrite(_ buffer: UnsafeRawBufferPointer) throws(TransportError) -> Int {
        guard isOpen else { throw .connectionClosed("send") }
        loop.spend()
        var done = 0
        defer { sent &+= done }
        if let tls {
            do { if case .bytes(let count) = try tls.write(buffer) { done = count } } catch { throw TransportError(error) }
        } else {
            try socket.tryWrite(buffer, sent: &done)
        }
        return done
    }

    /// Sends a part of a file that is in memory (`PageCache`), without waiting. Not with TLS. Takes less where the socket is full; nil: not in the file.
    package func trySendFile(_ file: Int32, at offset: Int, count: Int) throws(TransportError) -> Int? {
        guard isOpen else { throw .connectionClosed("sendfile") }
        let done = try socket.trySendFile(file, at: offset, count: count)
        sent &+= done ?? 0
        loop.spend(1 + (done ?? 0) >> 18)  // 256 KiB of a file are a unit of work
        return done
    }

    /// Writes without waiting what the socket takes.
    /// - Returns: what is left for `write`, perhaps nothing but records that TLS holds; nil: all is on its way, as with almost every head.
    package func begin(_ bytes: UnsafeRawBufferPointer) throws(TransportError) -> [UInt8]? {
        let taken = try tryWrite(bytes)
        if taken == bytes.count, !hasUnsent { return nil }
        return [UInt8](UnsafeRawBufferPointer(rebasing: bytes[taken...]))
    }

    /// Writes all of it. Waits while the peer is slow, and when other connections are to have their turn first.
    package func write(_ bytes: [UInt8], timeout: Duration?) async throws {
        if loop.isTurnOver { await loop.nextTurn() }
        var done = 0
        while true {
            let sent = try bytes.withUnsafeBytes { try tryWrite(.init(rebasing: $0[done...])) }
            done += sent
            if done == bytes.count, !hasUnsent { return }
            try await waitUntilWritable(timeout: timeout)
        }
    }

    // MARK: TLS

    /// - Parameter timeout: for the whole handshake.
    /// - Throws: of kind `.notTLS` when the client speaks something else; what it sent is still to be read then.
    package func acceptTLS(_ server: TLSServer, timeout: Duration) async throws {
        let handshake = TLSHandshake(socket, readiness, timeout: timeout)
        try await handshake.waitForRecord()
        let session: TLSSession
        do { session = try TLSSession(server: server, descriptor: socket.descriptor, batch: loop.records) } catch {
            throw TransportError(error)
        }
        tls = session
        try await handshake.complete(session)
    }

    /// - Parameters:
    ///   - name: the DNS name or IP address that the certificate must be for.
    ///   - timeout: for the whole handshake.
    package func connectTLS(_ client: TLSClient, name: String, timeout: Duration) async throws {
        // RFC 6066 3: without a trailing dot, which no certificate has either.
        let name = HostName.normalized(name)
        let handshake = TLSHandshake(socket, readiness, timeout: timeout)
        let session: TLSSession
        do { session = try TLSSession(client: client, name: name, descriptor: socket.descriptor, batch: loop.records) } catch {
            throw TransportError(error)
        }
        tls = session
        try await handshake.complete(session)
    }

    // MARK: The end

    /// Closes the connection in order, with TLS's close_notify. A task that waits on it is woken with `.cancelled`.
    package func close() {
        guard isOpen else { return }
        let waiting = readiness.close()
        tls?.shutDown()
        Glibc.close(socket.descriptor)
        waiting?.wake(.cancelled)
    }

    /// Closes the connection with a reset, so that the peer cannot take what it got for the whole.
    package func reset() {
        guard isOpen else { return }
        socket.resetOnClose()
        tls = nil
        close()
    }

    /// Ends our side and reads what the peer still sends, within bounds: closing with unread bytes resets the connection, and may take what was
    /// written last with it (RFC 9112 9.6). The caller closes.
    package func linger(for time: Duration) async {
        tls?.shutDown()
        shutdown(socket.descriptor, Int32(SHUT_WR))
        let deadline = ContinuousClock.now + time
        var discarded = 0
        while discarded < Self.maxLingerBytes {
            let left = ContinuousClock.now.duration(to: deadline)
            guard left > .zero, let count = try? await read(into: loop.scratch, timeout: left), count > 0 else { return }
            discarded += count
        }
    }

    /// Read from a peer that goes on sending before the connection is closed on it.
    private static let maxLingerBytes = 8 << 20

    /// Writes a last response to a client that is not served, and closes.
    package func close(afterWriting bytes: [UInt8]) async {
        // Not where the client has left, or does not read.
        if (try? await write(bytes, timeout: .seconds(1))) != nil { await linger(for: .seconds(1)) }
        close()
    }
}
