import COpenSSL

/// What went wrong inside TLS, in OpenSSL's words: the call, and the reason a person can look up.
package struct TLSError: Error, CustomStringConvertible {
    package let call: StaticString
    package let reason: String
    /// The one that could not be used, where it was a file's fault.
    package let file: String?

    package init(call: StaticString, reason: String, file: String? = nil) {
        (self.call, self.reason, self.file) = (call, reason, file)
    }

    /// Takes the first of the thread's queued errors and empties the queue: it belongs to the thread, and what stays in it
    /// is taken for the next connection's.
    static func taken(after call: StaticString, file: String? = nil) -> TLSError {
        let code = ERR_get_error()
        ERR_clear_error()
        let reason = ERR_reason_error_string(code).map { String(cString: $0) } ?? "no reason given"
        return TLSError(call: call, reason: reason, file: file)
    }

    package var description: String { "\(call): \(file.map { "\($0): " } ?? "")\(reason)" }
}
