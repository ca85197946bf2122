import COpenSSL

/// TLS settings for connections to upstreams: the system's trust store, and what is trusted besides.
///
/// `@unchecked Sendable`: an SSL_CTX is reference-counted and may make sessions on any thread once it is set up (SSL_CTX_new(3)).
package final class TLSClient: @unchecked Sendable {
    let context: OpaquePointer

    /// - Parameter authority: path of a PEM file with certificates trusted besides the system's.
    /// - Throws: when the file cannot be used; it is then in `TLSError.file`.
    package init(authority: String? = nil) throws(TLSError) {
        ERR_clear_error()
        guard let context = SSL_CTX_new(TLS_client_method()) else { throw .taken(after: "SSL_CTX_new") }
        self.context = context
        berth_tls12_at_least(context)
        berth_prefer_aes128(context)
        berth_read_ahead(context)
        berth_non_blocking_modes(context)
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nil)
        SSL_CTX_set_default_verify_paths(context)
        if let authority, SSL_CTX_load_verify_locations(context, authority, nil) != 1 {
            throw .taken(after: "SSL_CTX_load_verify_locations", file: authority)
        }
        // RFC 7301: a length byte, then the name. Returns 0 for success, unlike the rest of OpenSSL.
        let protocols: [UInt8] = [8] + Array("http/1.1".utf8)
        guard SSL_CTX_set_alpn_protos(context, protocols, UInt32(protocols.count)) == 0 else {
            throw .taken(after: "SSL_CTX_set_alpn_protos")
        }
    }

    deinit { SSL_CTX_free(context) }
}
