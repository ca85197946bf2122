import COpenSSL

/// The result of a non-blocking call.
package enum IOProgress {
    /// So many bytes were read or written.
    case bytes(Int)
    /// The peer has closed in order: no more will come.
    case end
    /// Call again when the socket is readable, or writable.
    case wantsRead, wantsWrite
}

/// How much a TLS session takes off its socket at once.
package enum ReadAhead {
    /// What the next record needs, in two calls: between two records the session keeps no buffer.
    case nothing
    /// About one record, with one call for each.
    case record
    /// Several records, for which the session keeps 64 KiB: for a stream of many bytes whose receiver is fast.
    case far
}

/// One TLS connection over a non-blocking socket, which it does not own. Confined to one loop.
///
/// `clearErrors()` comes before every call whose result is examined with `SSL_get_error`: the error queue belongs to the thread, and a client
/// that resets its connection would otherwise break other connections' transfers.
package final class TLSSession {
    private let ssl: OpaquePointer
    private let sink: RecordSink
    /// After a fatal error OpenSSL forbids SSL_shutdown (SSL_shutdown(3)).
    private var isBroken = false

    /// The listener's side.
    /// - Parameter batch: the loop's.
    package init(server: TLSServer, descriptor: Int32, batch: RecordBatch) throws(TLSError) {
        sink = RecordSink(descriptor: descriptor, batch: batch)
        ssl = try Self.session(of: server.context, descriptor, sink)
        SSL_set_accept_state(ssl)
    }

    /// The side that connects.
    /// - Parameters:
    ///   - name: the DNS name, which is also sent as SNI, or IP address that the certificate must be for.
    ///   - batch: the loop's.
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

    /// `ERR_clear_error()` empties each of the queue's 16 places, also of an empty one.
    private static func clearErrors() { if ERR_peek_error() != 0 { ERR_clear_error() } }

    /// Does a step of the handshake. Returns `.bytes(0)` when it is complete.
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
                throw TLSError(call: "SSL_do_handshake", reason: "the peer's certificate: \(reason)", isUntrusted: true)
            }
            throw .taken(after: "SSL_do_handshake")
        }
    }

    /// Sets how much one recv() takes off the socket at most. The size takes effect when the bytes read ahead have been used up, since OpenSSL frees
    /// the buffer then.
    package func setReadAhead(_ readAhead: ReadAhead) {
        SSL_set_read_ahead(ssl, readAhead == .nothing ? 0 : 1)
        SSL_set_default_read_buffer_len(ssl, readAhead == .far ? Self.farReadAhead : 0)
    }

    /// Bytes: four whole records of 16 KiB as TLS 1.2 sends them with AES-GCM (13 bytes before and 16 after), and the 3 bytes that OpenSSL leaves before
    /// the first. A record that is cut costs another recv().
    private static let farReadAhead = 4 * 16_413 + 3

    /// Bytes of payload in a full record (RFC 8446 5.1).
    private static let recordBytes = 16 << 10
    /// Decrypted in one call: 16 full ones fill a loop's scratch buffer. A peer that sends a few bytes in each must not occupy the loop.
    private static let maxRecordsPerRead = 64
    /// Handshake messages after the handshake. A key is good for 2^24 full records (RFC 8446 5.5), so a client has a reason to renew it every quarter of
    /// a tebibyte.
    private static let maxMessages = 32

    /// Reads what is there now, up to the buffer's size. OpenSSL may hold records that the socket no longer shows as readable, so a reader must read
    /// until `.wantsRead` before it waits.
    package func read(into buffer: UnsafeMutableRawBufferPointer) throws(TLSError) -> IOProgress {
        guard let start = buffer.baseAddress else { return .bytes(0) }
        var got = 0
        for _ in 0..<Self.maxRecordsPerRead where got < buffer.count {
            // A record is not cut: OpenSSL would keep the rest of it, and 17 KiB for that, for as long as the reader waits for something else.
            if got > 0, buffer.count - got < Self.recordBytes, SSL_pending(ssl) == 0 { break }
            Self.clearErrors()
            let count = SSL_read(ssl, start + got, Int32(clamping: buffer.count - got))
            // Checked also when payload has come with them.
            guard berth_message_count(ssl) <= Self.maxMessages else {
                throw failed("SSL_read", "more than \(Self.maxMessages) handshake messages after the handshake")
            }
            if count > 0 {
                got += Int(count)
                // Read-ahead takes all that is there: less than a record means that the socket is empty, and another call would only say so.
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

    /// Encrypts as much as fits one batch and sends it. Records that the socket did not take are kept (`hasUnsent`): the next call, perhaps with an empty
    /// buffer, goes on with them.
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
        // The batch is full.
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
        // Each call seals one record. OpenSSL keeps its buffer from one to the next, and frees it after the last.
        let isSeveral = count > Self.recordBytes
        if isSeveral { berth_release_buffers(ssl, false) }
        defer { if isSeveral { berth_release_buffers(ssl, true) } }
        while done < count {
            if isSeveral, count - done <= Self.recordBytes { berth_release_buffers(ssl, true) }
            Self.clearErrors()
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

    /// Encrypted records wait for the socket to take them.
    package var hasUnsent: Bool { sink.hasUnsent }

    /// OpenSSL holds bytes, decrypted or read ahead: read before waiting for the socket.
    package var hasPending: Bool { SSL_has_pending(ssl) == 1 }

    /// Sends close_notify if the socket takes it. Does not wait for the peer's (allowed by RFC 8446 6.1).
    package func shutDown() {
        guard !isBroken, sink.flush() else { return }
        ERR_clear_error()
        SSL_shutdown(ssl)
        ERR_clear_error()
    }
}
