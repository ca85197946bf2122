import CLibevent
package import Crypto
import Glibc
import HTTP

/// A non-blocking socket, plain or TLS, confined to one loop. Deliberately not `Sendable`.
///
/// The read event stays registered between waits and is taken off only when it fires while nobody waits: a connection of small
/// requests then never calls epoll_ctl(2), and a slow receiver costs one pair of calls a pause.
package final class SocketStream {
    package let descriptor: Int32
    package let loop: EventLoop
    private var tls: TLSSession?
    private let tally: ByteTally?
    private let readEvent: OpaquePointer
    private let writeEvent: OpaquePointer
    private var reader: Waiter?, writer: Waiter?
    private var isClosed = false
    /// Where this stream's own waits happen. A task that serves two streams gives both the same one.
    package var waiter = Waiter()
    /// Became readable while nobody waited: for an idle connection of a pool that means it is over.
    package private(set) var hasUnexpectedInput = false

    /// Owns the descriptor from here on.
    /// - Parameter tally: what its bytes are counted in.
    package init(_ descriptor: Int32, on loop: EventLoop, tally: ByteTally? = nil) {
        self.descriptor = descriptor
        self.tally = tally
        self.loop = loop
        // event_new fails only without memory. The events get their argument below, when there is a `self`.
        readEvent = event_new(loop.base, descriptor, 0, { _, _, _ in }, nil)
        writeEvent = event_new(loop.base, descriptor, 0, { _, _, _ in }, nil)
        let this = Unmanaged.passUnretained(self).toOpaque()
        event_assign(readEvent, loop.base, descriptor, Int16(EV_READ | EV_PERSIST), { SocketStream.readable($1, $2) }, this)
        event_assign(writeEvent, loop.base, descriptor, Int16(EV_WRITE), { SocketStream.writable($1, $2) }, this)
        var one: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
    }

    deinit { close() }

    package var isTLS: Bool { tls != nil }
    package var isOpen: Bool { !isClosed }

    /// Bytes written so far, above TLS.
    package private(set) var sent = 0

    /// TLS takes several records off the socket at once, and keeps 64 KiB meanwhile: for a stream of many bytes whose receiver is fast.
    package var readsFarAhead = false {
        didSet { if readsFarAhead != oldValue { tls?.setReadAhead(far: readsFarAhead) } }
    }

    /// Bytes lie decrypted or read ahead, which the socket does not show: read before waiting.
    package var hasPending: Bool { tls?.hasPending ?? false }

    // MARK: Waiting

    private static func readable(_ what: Int16, _ this: UnsafeMutableRawPointer?) {
        guard let this else { return }
        let stream = Unmanaged<SocketStream>.fromOpaque(this).takeUnretainedValue()
        if let waiter = stream.reader {
            stream.reader = nil
            waiter.wake(what & Int16(EV_READ) != 0 ? .ready : .timedOut)
        } else if what & Int16(EV_READ) != 0 {
            event_del(stream.readEvent)
            stream.hasUnexpectedInput = true
        }
    }

    private static func writable(_ what: Int16, _ this: UnsafeMutableRawPointer?) {
        guard let this else { return }
        let stream = Unmanaged<SocketStream>.fromOpaque(this).takeUnretainedValue()
        guard let waiter = stream.writer else { return }
        stream.writer = nil
        waiter.wake(what & Int16(EV_WRITE) != 0 ? .ready : .timedOut)
    }

    /// Asks that `waiter` be woken when bytes (or the end) have come. `timeout` nil: without limit.
    package func watchReadable(timeout: Duration?) {
        guard isOpen else { return waiter.wake(.cancelled) }
        reader = waiter
        hasUnexpectedInput = false
        add(readEvent, timeout)
    }

    /// Asks that `waiter` be woken when the socket takes bytes again.
    package func watchWritable(timeout: Duration?) {
        guard isOpen else { return waiter.wake(.cancelled) }
        writer = waiter
        add(writeEvent, timeout)
    }

    private func add(_ event: OpaquePointer, _ timeout: Duration?) {
        guard let timeout else {
            event_remove_timer(event)
            event_add(event, nil)
            return
        }
        if let common = loop.commonTimeout(timeout) {
            event_add(event, common)
        } else {
            var interval = timeval(timeout)
            event_add(event, &interval)
        }
    }

    /// Nobody waits on this stream any more: what it asked for is taken back.
    package func unwatch() {
        reader = nil
        if writer != nil {
            writer = nil
            event_del(writeEvent)
        }
    }

    /// Keeps an idle connection of a pool under watch: `hasUnexpectedInput` then says that its peer has ended it.
    package func watchForClose() {
        reader = nil
        hasUnexpectedInput = false
        event_remove_timer(readEvent)
        event_add(readEvent, nil)
    }

    package func waitUntilReadable(timeout: Duration?) async throws {
        guard isOpen else { throw TransportError(.cancelled, call: "read", reason: "the connection has been closed") }
        waiter.reset()
        watchReadable(timeout: timeout)
        try await settle(call: "read")
    }

    package func waitUntilWritable(timeout: Duration?) async throws {
        guard isOpen else { throw TransportError(.cancelled, call: "write", reason: "the connection has been closed") }
        waiter.reset()
        watchWritable(timeout: timeout)
        try await settle(call: "write")
    }

    private func settle(call: StaticString) async throws {
        let wake = await waiter.wait()
        unwatch()
        switch wake {
        case .ready: return
        case .timedOut: throw TransportError(.timedOut, call: call, reason: "nothing moved in the time allowed")
        case .cancelled: throw TransportError(.cancelled, call: call, reason: "the exchange is over")
        }
    }

    // MARK: Bytes

    /// As much as is there now. The buffer holds it until the next `await` only, when it is a loop's scratch.
    package func tryRead(into buffer: UnsafeMutableRawBufferPointer) throws(TransportError) -> IOProgress {
        guard isOpen else { throw Self.closed("recv") }
        loop.spend()
        if let tls {
            do {
                let progress = try tls.read(into: buffer)
                if case .bytes(let count) = progress { tally?.addReceived(count) }
                return progress
            } catch { throw TransportError(error) }
        }
        while true {
            let count = recv(descriptor, buffer.baseAddress, buffer.count, 0)
            if count > 0 {
                tally?.addReceived(count)
                return .bytes(count)
            }
            if count == 0 { return .end }
            if errno == EAGAIN { return .wantsRead }
            if errno != EINTR { throw TransportError(call: "recv", errno: errno) }
        }
    }

    /// Waits when there is nothing, or when others are to have a turn first. 0 at the end.
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

    /// Its descriptor may be another connection's by now: nothing is read from it or written to it any more.
    private static func closed(_ call: StaticString) -> TransportError {
        TransportError(.cancelled, call: call, reason: "the connection has been closed")
    }

    /// What is taken without waiting, which may be 0. All is on its way only when all was taken and nothing is `hasUnsent`.
    package func tryWrite(_ buffer: UnsafeRawBufferPointer) throws(TransportError) -> Int {
        guard isOpen else { throw Self.closed("send") }
        loop.spend()
        if let tls {
            do {
                guard case .bytes(let count) = try tls.write(buffer) else { return 0 }
                sent &+= count
                tally?.addSent(count)
                return count
            } catch { throw TransportError(error) }
        }
        var done = 0
        defer {
            sent &+= done
            tally?.addSent(done)
        }
        while done < buffer.count {
            let count = send(descriptor, buffer.baseAddress.map { $0 + done }, buffer.count - done, Int32(MSG_NOSIGNAL))
            if count >= 0 {
                done += count
            } else if errno == EAGAIN {
                break
            } else if errno != EINTR {
                throw TransportError(call: "send", errno: errno)
            }
        }
        return done
    }

    /// How many bytes the socket takes for sure before it makes us wait: what its buffer may grow to, half of which the kernel keeps for its
    /// own records (socket(7), SO_SNDBUF), less what the peer has not acknowledged (tcp(7), SIOCOUTQ).
    package var roomToSend: Int {
        var size: Int32 = 0, queued: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        guard getsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &size, &length) == 0,
            ioctl(descriptor, UInt(TIOCOUTQ), &queued) == 0
        else { return 0 }
        return Int(size) / 2 - Int(queued)
    }

    /// TLS has taken bytes that the socket has not: wait until it is writable, and write on, if only nothing.
    package var hasUnsent: Bool { tls?.hasUnsent ?? false }

    /// All of it, waiting as often as the peer is slow, and when others are to have a turn first.
    package func write(_ bytes: [UInt8], timeout: Duration?) async throws {
        if loop.isTurnOver { await loop.nextTurn() }
        var done = 0
        while true {
            let (sent, failure) = bytes.withUnsafeBytes { all -> (Int, TransportError?) in
                do throws(TransportError) { return (try tryWrite(.init(rebasing: all[done...])), nil) } catch { return (0, error) }
            }
            if let failure { throw failure }
            done += sent
            if done == bytes.count, !hasUnsent { return }
            try await waitUntilWritable(timeout: timeout)
        }
    }

    // MARK: TLS

    /// - Throws: of kind `.notTLS` when the client speaks something else; what it sent is still to be read then.
    package func acceptTLS(_ server: TLSServer, timeout: Duration) async throws {
        let deadline = ContinuousClock.now + timeout
        var first: UInt8 = 0
        while recv(descriptor, &first, 1, Int32(MSG_PEEK)) < 0, errno == EAGAIN || errno == EINTR {
            try await waitUntilReadable(timeout: timeout)
        }
        // 0: the client has left, which the handshake tells. RFC 8446 5.1: a handshake record begins with 22.
        guard first == 0 || first == 22 else {
            throw TransportError(.notTLS, call: "recv", reason: "something else than TLS was spoken to a listener of TLS")
        }
        do { tls = try TLSSession(server: server, descriptor: descriptor, batch: loop.records) } catch {
            throw TransportError(error)
        }
        try await handshake(timeout: ContinuousClock.now.duration(to: deadline))
    }

    package func connectTLS(_ client: TLSClient, name: String, timeout: Duration) async throws {
        // RFC 6066 3: without a trailing dot, which no certificate has either.
        let name = HostName.normalized(name)
        do { tls = try TLSSession(client: client, name: name, descriptor: descriptor, batch: loop.records) } catch {
            throw TransportError(error)
        }
        try await handshake(timeout: timeout)
    }

    /// In `timeout` from the first byte to the last: a peer that drips does not get more.
    private func handshake(timeout: Duration) async throws {
        guard let tls else { return }
        let deadline = ContinuousClock.now + timeout
        while true {
            let progress: IOProgress
            do { progress = try tls.handshake() } catch { throw TransportError(error) }
            let left = ContinuousClock.now.duration(to: deadline)
            guard left > .zero else { throw TransportError(.timedOut, call: "SSL_do_handshake", reason: "not done in \(timeout)") }
            switch progress {
            case .wantsRead: try await waitUntilReadable(timeout: left)
            case .wantsWrite: try await waitUntilWritable(timeout: left)
            case .bytes, .end: return
            }
        }
    }

    // MARK: The end

    /// Ends the connection in order. Whoever waits on it is woken.
    package func close() {
        guard !isClosed else { return }
        isClosed = true
        event_free(readEvent)
        event_free(writeEvent)
        tls?.shutDown()
        Glibc.close(descriptor)
        let waiting = (reader ?? writer)
        (reader, writer) = (nil, nil)
        waiting?.wake(.cancelled)
    }

    /// Ends it with a reset, so that the peer cannot take what it got for the whole.
    package func reset() {
        guard !isClosed else { return }
        var linger = Glibc.linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<Glibc.linger>.size))
        tls = nil
        close()
    }

    /// Ends our side and hears the peer out, within bounds: closing with unread bytes resets the connection, and may take what was
    /// written last with it (RFC 9112 9.6). The caller closes.
    package func linger(for time: Duration) async {
        tls?.shutDown()
        shutdown(descriptor, Int32(SHUT_WR))
        let deadline = ContinuousClock.now + time
        var heard = 0
        while heard < Self.lingerBytes {
            let left = ContinuousClock.now.duration(to: deadline)
            guard left > .zero, let count = try? await read(into: loop.scratch, timeout: left), count > 0 else { return }
            heard += count
        }
    }

    private static let lingerBytes = 8 << 20

    /// Last words to somebody who is not to be served.
    package func close(saying words: [UInt8]) async {
        do {
            try await write(words, timeout: .seconds(1))
            await linger(for: .seconds(1))
        } catch {}  // who does not listen has left
        close()
    }
}
