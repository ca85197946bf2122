import COpenSSL

/// What a non-blocking call came to.
public enum IOProgress {
    case bytes(Int)
    /// The peer has closed in order: no more will come.
    case end
    case wantsRead, wantsWrite
}

/// One TLS connection over a non-blocking socket that somebody else owns. Confined to one loop.
///
/// `ERR_clear_error()` stands before every call whose result is asked for with `SSL_get_error`: the error queue belongs to the
/// thread, and a client that resets its connection would otherwise break its neighbours' transfers.
public final class TLSSession {
    private let ssl: OpaquePointer
    /// After a fatal error OpenSSL forbids SSL_shutdown (SSL_shutdown(3)).
    private var isBroken = false

    public init(server: TLSServer, descriptor: Int32) throws(TLSError) {
        ssl = try Self.session(of: server.context, descriptor)
        SSL_set_accept_state(ssl)
    }

    /// - Parameter name: whose certificate is expected: a DNS name, which is also sent as SNI, or an IP address.
    public init(client: TLSClient, name: String, descriptor: Int32) throws(TLSError) {
        ssl = try Self.session(of: client.context, descriptor)
        SSL_set_connect_state(ssl)
        if X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) != 1 {
            ERR_clear_error()
            guard SSL_set1_host(ssl, name) == 1 else { throw .taken(after: "SSL_set1_host") }
            berth_server_name(ssl, name)
        }
    }

    private static func session(of context: OpaquePointer, _ descriptor: Int32) throws(TLSError) -> OpaquePointer {
        ERR_clear_error()
        guard let ssl = SSL_new(context) else { throw .taken(after: "SSL_new") }
        guard SSL_set_fd(ssl, descriptor) == 1 else {
            SSL_free(ssl)
            throw .taken(after: "SSL_set_fd")
        }
        return ssl
    }

    deinit { SSL_free(ssl) }

    /// A step of the handshake. `.bytes(0)` when it is done.
    public func handshake() throws(TLSError) -> IOProgress {
        ERR_clear_error()
        let result = SSL_do_handshake(ssl)
        if result == 1 { return .bytes(0) }
        switch SSL_get_error(ssl, result) {
        case SSL_ERROR_WANT_READ: return .wantsRead
        case SSL_ERROR_WANT_WRITE: return .wantsWrite
        case SSL_ERROR_SYSCALL, SSL_ERROR_ZERO_RETURN:
            isBroken = true
            throw TLSError(call: "SSL_do_handshake", reason: "the peer closed the connection")
        default:
            isBroken = true
            let verified = SSL_get_verify_result(ssl)
            if verified != Int(X509_V_OK) {
                ERR_clear_error()
                let reason = X509_verify_cert_error_string(verified).map { String(cString: $0) } ?? "not verified"
                throw TLSError(call: "SSL_do_handshake", reason: "the peer's certificate: \(reason)")
            }
            throw .taken(after: "SSL_do_handshake")
        }
    }

    /// As much as is there now, up to the buffer's size: read-ahead holds records that the socket no longer shows as readable,
    /// so a reader drains it before it waits.
    public func read(into buffer: UnsafeMutableRawBufferPointer) throws(TLSError) -> IOProgress {
        guard let start = buffer.baseAddress else { return .bytes(0) }
        var got = 0
        while got < buffer.count {
            ERR_clear_error()
            let count = SSL_read(ssl, start + got, Int32(clamping: buffer.count - got))
            if count > 0 {
                got += Int(count)
                continue
            }
            if got > 0 { break }
            switch SSL_get_error(ssl, count) {
            case SSL_ERROR_WANT_READ: return .wantsRead
            case SSL_ERROR_WANT_WRITE: return .wantsWrite
            case SSL_ERROR_ZERO_RETURN: return .end
            case SSL_ERROR_SYSCALL:
                isBroken = true
                throw TLSError(call: "SSL_read", reason: "the peer reset the connection")
            default:
                isBroken = true
                throw .taken(after: "SSL_read")
            }
        }
        return .bytes(got)
    }

    /// What the socket takes without waiting.
    public func write(_ buffer: UnsafeRawBufferPointer) throws(TLSError) -> IOProgress {
        guard let start = buffer.baseAddress else { return .bytes(0) }
        var done = 0
        while done < buffer.count {
            ERR_clear_error()
            let count = SSL_write(ssl, start + done, Int32(clamping: buffer.count - done))
            if count > 0 {
                done += Int(count)
                continue
            }
            if done > 0 { break }
            switch SSL_get_error(ssl, count) {
            case SSL_ERROR_WANT_WRITE: return .wantsWrite
            case SSL_ERROR_WANT_READ: return .wantsRead
            case SSL_ERROR_SYSCALL:
                isBroken = true
                throw TLSError(call: "SSL_write", reason: "the peer reset the connection")
            default:
                isBroken = true
                throw .taken(after: "SSL_write")
            }
        }
        return .bytes(done)
    }

    /// Records lie decrypted or read ahead: do not wait for the socket.
    public var hasPending: Bool { SSL_has_pending(ssl) == 1 }

    /// Sends close_notify if the socket takes it; the peer's is not waited for (RFC 8446 6.1 allows it).
    public func shutDown() {
        guard !isBroken else { return }
        ERR_clear_error()
        SSL_shutdown(ssl)
        ERR_clear_error()
    }
}
