import COpenSSL

/// What a non-blocking call came to.
package enum IOProgress {
    case bytes(Int)
    /// The peer has closed in order: no more will come.
    case end
    case wantsRead, wantsWrite
}

/// One TLS connection over a non-blocking socket that somebody else owns. Confined to one loop.
///
/// `ERR_clear_error()` stands before every call whose result is asked for with `SSL_get_error`: the error queue belongs to the
/// thread, and a client that resets its connection would otherwise break its neighbours' transfers.
package final class TLSSession {
    private let ssl: OpaquePointer
    private let sink: RecordSink
    /// After a fatal error OpenSSL forbids SSL_shutdown (SSL_shutdown(3)).
    private var isBroken = false

    /// - Parameter batch: the loop's.
    package init(server: TLSServer, descriptor: Int32, batch: RecordBatch) throws(TLSError) {
        sink = RecordSink(descriptor: descriptor, batch: batch)
        ssl = try Self.session(of: server.context, descriptor, sink)
        SSL_set_accept_state(ssl)
    }

    /// - Parameter name: whose certificate is expected: a DNS name, which is also sent as SNI, or an IP address.
    package init(client: TLSClient, name: String, descriptor: Int32, batch: RecordBatch) throws(TLSError) {
        sink = RecordSink(descriptor: descriptor, batch: batch)
        ssl = try Self.session(of: client.context, descriptor, sink)
        SSL_set_connect_state(ssl)
        if X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) != 1 {
            ERR_clear_error()
            guard SSL_set1_host(ssl, name) == 1 else { throw .taken(after: "SSL_set1_host") }
            berth_server_name(ssl, name)
        }
    }

    private static func session(of context: OpaquePointer, _ descriptor: Int32, _ sink: RecordSink) throws(TLSError)
        -> OpaquePointer
    {
        ERR_clear_error()
        guard let ssl = SSL_new(context) else { throw .taken(after: "SSL_new") }
        guard let input = BIO_new_socket(descriptor, BIO_NOCLOSE), let output = sink.makeBIO() else {
            SSL_free(ssl)
            throw .taken(after: "BIO_new")
        }
        SSL_set_bio(ssl, input, output)
        return ssl
    }

    deinit { SSL_free(ssl) }

    /// A step of the handshake. `.bytes(0)` when it is done.
    package func handshake() throws(TLSError) -> IOProgress {
        ERR_clear_error()
        let result = SSL_do_handshake(ssl)
        if result == 1 {
            berth_set_message_count(ssl, 0)
            return .bytes(0)
        }
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

    /// How much one recv() takes off the socket at most, from when the bytes that it took before have been read: the buffer is given back
    /// then. Not far: about a record.
    package func setReadAhead(far: Bool) { SSL_set_default_read_buffer_len(ssl, far ? Self.farReadAhead : 0) }

    /// Four whole records of 16 KiB as TLS 1.2 sends them with AES-GCM (13 bytes before and 16 after), and the 3 bytes that OpenSSL leaves
    /// before the first. What is cut within a record costs a recv() for its rest.
    private static let farReadAhead = 4 * 16_413 + 3

    /// RFC 8446 5.1.
    private static let recordBytes = 16 << 10
    /// Opened in one call: 16 full ones fill a loop's scratch buffer. A peer that sends a few bytes in each must not hold the loop up.
    private static let maxRecordsPerRead = 64
    /// A key is good for 2^24 full records (RFC 8446 5.5), so a client has a reason to renew it every quarter of a tebibyte.
    private static let maxMessages = 32

    /// As much as is there now, up to the buffer's size: read-ahead holds records that the socket no longer shows as readable,
    /// so a reader drains it before it waits.
    package func read(into buffer: UnsafeMutableRawBufferPointer) throws(TLSError) -> IOProgress {
        guard let start = buffer.baseAddress else { return .bytes(0) }
        var got = 0
        for _ in 0..<Self.maxRecordsPerRead where got < buffer.count {
            ERR_clear_error()
            let count = SSL_read(ssl, start + got, Int32(clamping: buffer.count - got))
            // Whatever came with them: bytes in between make them no cheaper.
            guard berth_message_count(ssl) <= Self.maxMessages else {
                throw failed("SSL_read", "more than \(Self.maxMessages) handshake messages after the handshake")
            }
            if count > 0 {
                got += Int(count)
                // Read-ahead takes all that is there: less than a record's worth says that the socket is empty, and asking it
                // again would only be told so.
                if got < Self.recordBytes, SSL_has_pending(ssl) == 0 { break }
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

    /// Seals as much as fits one batch and sends it. What was sealed and not taken by the socket is `hasUnsent`: the next call, or
    /// one with an empty buffer, goes on with it.
    package func write(_ buffer: UnsafeRawBufferPointer) throws(TLSError) -> IOProgress {
        guard sink.flush() else {
            if sink.hasFailed { throw failed("send", "the peer reset the connection") }
            return .wantsWrite
        }
        guard let start = buffer.baseAddress, buffer.count > 0 else { return .bytes(0) }
        sink.openBatch()
        let (done, code) = seal(start, buffer.count)
        sink.closeBatch()
        if sink.hasFailed { throw failed("send", "the peer reset the connection") }
        switch code {
        // The batch was full.
        case SSL_ERROR_NONE, SSL_ERROR_WANT_WRITE: return done > 0 ? .bytes(done) : .wantsWrite
        case SSL_ERROR_WANT_READ: return done > 0 ? .bytes(done) : .wantsRead
        case SSL_ERROR_SYSCALL: throw failed("SSL_write", "the peer reset the connection")
        default:
            isBroken = true
            throw .taken(after: "SSL_write")
        }
    }

    private func seal(_ start: UnsafeRawPointer, _ count: Int) -> (done: Int, code: Int32) {
        var done = 0
        while done < count {
            ERR_clear_error()
            let sealed = SSL_write(ssl, start + done, Int32(clamping: count - done))
            guard sealed > 0 else { return (done, SSL_get_error(ssl, sealed)) }
            done += Int(sealed)
        }
        return (done, SSL_ERROR_NONE)
    }

    private func failed(_ call: StaticString, _ reason: String) -> TLSError {
        isBroken = true
        return TLSError(call: call, reason: reason)
    }

    /// Sealed bytes wait for the socket to take them.
    package var hasUnsent: Bool { sink.hasUnsent }

    /// Records lie decrypted or read ahead: do not wait for the socket.
    package var hasPending: Bool { SSL_has_pending(ssl) == 1 }

    /// Sends close_notify if the socket takes it; the peer's is not waited for (RFC 8446 6.1 allows it).
    package func shutDown() {
        guard !isBroken, sink.flush() else { return }
        ERR_clear_error()
        SSL_shutdown(ssl)
        ERR_clear_error()
    }
}
