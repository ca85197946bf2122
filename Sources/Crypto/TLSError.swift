import COpenSSL

/// Why a TLS call failed.
package struct TLSError: Error, CustomStringConvertible {
    /// The OpenSSL or system call, as `SSL_do_handshake`.
    package let call: StaticString
    /// OpenSSL's reason, which can be looked up, or ours.
    package let reason: String
    /// The file that could not be used; nil: no file was involved.
    package let file: String?
    /// The peer's certificate is not accepted.
    package let isUntrusted: Bool

    /// An error that is not in OpenSSL's queue.
    package init(call: StaticString, reason: String, file: String? = nil, isUntrusted: Bool = false) {
        (self.call, self.reason, self.file, self.isUntrusted) = (call, reason, file, isUntrusted)
    }

    /// Takes the first of the thread's queued errors and empties the queue. The queue belongs to the thread: an error left in it would be taken for the
    /// next connection's.
    static func taken(after call: StaticString, file: String? = nil) -> TLSError {
        let code = ERR_get_error()
        ERR_clear_error()
        let reason = ERR_reason_error_string(code).map { String(cString: $0) } ?? "no reason given"
        return TLSError(call: call, reason: reason, file: file)
    }

    /// `SSL_CTX_use_PrivateKey_file: tls.key: key values mismatch`.
    package var description: String { "\(call): \(file.map { "\($0): " } ?? "")\(reason)" }
}
