import CLibevent
import Crypto
import Glibc

/// The steps of a TLS handshake on a connected socket, up to a deadline for all of them: a peer that sends a byte now and then gets no more time.
struct TLSHandshake {
    let socket: Socket
    let readiness: Readiness
    private let timeout: Duration
    private let deadline: ContinuousClock.Instant

    init(_ socket: Socket, _ readiness: Readiness, timeout: Duration) {
        (self.socket, self.readiness, self.timeout) = (socket, readiness, timeout)
        deadline = ContinuousClock.now + timeout
    }

    /// Waits for the client's first byte, which stays unread.
    /// - Throws: of kind `.notTLS` when it does not begin a handshake.
    func waitForRecord() async throws {
        var first: UInt8 = 0
        while recv(socket.descriptor, &first, 1, Int32(MSG_PEEK)) < 0, errno == EAGAIN || errno == EINTR {
            try await readiness.waitUntilReadable(timeout: timeout)
        }
        // 0: the client has left, which the handshake tells. RFC 8446 5.1: a handshake record begins with 22.
        guard first == 0 || first == 22 else {
            throw TransportError(.notTLS, call: "recv", reason: "the client did not begin a TLS handshake on a TLS listener")
        }
    }

    func complete(_ session: TLSSession) async throws {
        while true {
            let progress: IOProgress
            do { progress = try session.handshake() } catch { throw TransportError(error) }
            let left = ContinuousClock.now.duration(to: deadline)
            guard left > .zero else { throw TransportError(.timedOut, call: "SSL_do_handshake", reason: "not done in \(timeout)") }
            switch progress {
            case .wantsRead: try await readiness.waitUntilReadable(timeout: left)
            case .wantsWrite: try await readiness.waitUntilWritable(timeout: left)
            case .bytes, .end: return
            }
        }
    }
}
