import COpenSSL
import Glibc

/// TLS settings of a listener: a certificate chain, its key, and whether clients must show a certificate.
///
/// `@unchecked Sendable`: an SSL_CTX is reference-counted and may make sessions on any thread once it is set up (SSL_CTX_new(3)).
package final class TLSServer: @unchecked Sendable {
    let context: OpaquePointer
    /// When the first certificate of the chain expires, in seconds since 1970.
    package let expiresAt: Int

    /// - Parameters:
    ///   - certificateChain: path of a PEM file, leaf first.
    ///   - privateKey: path of a PEM file, not encrypted.
    ///   - clientAuthority: path of a PEM file; when given, clients must show a certificate that it issued.
    /// - Throws: when a file cannot be used; it is then in `TLSError.file`.
    package init(certificateChain: String, privateKey: String, clientAuthority: String? = nil) throws(TLSError) {
        ERR_clear_error()
        guard let context = SSL_CTX_new(TLS_server_method()) else { throw .taken(after: "SSL_CTX_new") }
        self.context = context
        berth_tls12_at_least(context)
        berth_prefer_aes128(context)
        berth_read_ahead(context)
        berth_non_blocking_modes(context)
        berth_count_messages(context)
        SSL_CTX_set_options(context, berth_server_options)
        SSL_CTX_set_alpn_select_cb(context, selectHTTP11, nil)
        // Otherwise OpenSSL asks at the terminal for the password of an encrypted key.
        SSL_CTX_set_default_passwd_cb(context) { _, _, _, _ in 0 }
        guard SSL_CTX_use_certificate_chain_file(context, certificateChain) == 1 else {
            throw .taken(after: "SSL_CTX_use_certificate_chain_file", file: certificateChain)
        }
        expiresAt = Self.firstExpiry(of: context)
        guard SSL_CTX_use_PrivateKey_file(context, privateKey, SSL_FILETYPE_PEM) == 1 else {
            throw .taken(after: "SSL_CTX_use_PrivateKey_file", file: privateKey)
        }
        guard SSL_CTX_check_private_key(context) == 1 else { throw .taken(after: "SSL_CTX_check_private_key", file: privateKey) }
        if let clientAuthority {
            guard SSL_CTX_load_verify_locations(context, clientAuthority, nil) == 1,
                let names = SSL_load_client_CA_file(clientAuthority)
            else { throw .taken(after: "SSL_CTX_load_verify_locations", file: clientAuthority) }
            SSL_CTX_set_client_CA_list(context, names)
            SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nil)
            // Tickets of clients with certificates are refused unless a session id context is set (SSL_CTX_set_session_id_context(3)).
            SSL_CTX_set_session_id_context(context, "berth", 5)
        }
    }

    deinit { SSL_CTX_free(context) }

    private static func firstExpiry(of context: OpaquePointer) -> Int {
        var first = Int.max
        for index in Int32(0)... {
            guard let certificate = berth_chain_certificate(context, index) else { break }
            var time = tm()
            if ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &time) == 1 { first = min(first, timegm(&time)) }
        }
        return first
    }
}

/// Selects `http/1.1` by ALPN (RFC 7301). The connection of a client that offers only other protocols goes on without ALPN, as with most servers.
private func selectHTTP11(
    _: OpaquePointer?, _ selected: UnsafeMutablePointer<UnsafePointer<UInt8>?>?, _ selectedLength: UnsafeMutablePointer<UInt8>?,
    _ offered: UnsafePointer<UInt8>?, _ offeredLength: UInt32, _: UnsafeMutableRawPointer?
) -> Int32 {
    guard let selected, let selectedLength, let offered else { return SSL_TLSEXT_ERR_NOACK }
    let names = UnsafeBufferPointer(start: offered, count: Int(offeredLength))
    var start = 0
    while start < names.count {
        let end = start + 1 + Int(names[start])
        guard end <= names.count else { break }
        if names[(start + 1)..<end].elementsEqual("http/1.1".utf8) {
            selected.pointee = offered + start + 1
            selectedLength.pointee = names[start]
            return SSL_TLSEXT_ERR_OK
        }
        start = end
    }
    return SSL_TLSEXT_ERR_NOACK
}
