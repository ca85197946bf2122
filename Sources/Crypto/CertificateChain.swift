import COpenSSL

/// The certificates of a PEM file, a server's first: what they say about whom clients must trust.
package final class CertificateChain {
    private let certificates: [OpaquePointer]

    /// - Parameter path: of a PEM file with one certificate or more.
    /// - Throws: when it cannot be read, or holds no certificate.
    package init(path: String) throws(TLSError) {
        ERR_clear_error()
        guard let file = BIO_new_file(path, "r") else { throw .taken(after: "BIO_new_file", file: path) }
        defer { BIO_free(file) }
        var found: [OpaquePointer] = []
        while let next = PEM_read_bio_X509(file, nil, nil, nil) { found.append(next) }
        certificates = found
        guard !found.isEmpty else { throw .taken(after: "PEM_read_bio_X509", file: path) }
        ERR_clear_error()  // of the read past the last certificate
    }

    deinit { for certificate in certificates { X509_free(certificate) } }

    /// Never empty once the chain exists.
    private var leaf: OpaquePointer { certificates[0] }

    /// Whether the authorities that this system trusts lead to it. Whether it has expired does not matter.
    package var isTrustedBySystem: Bool {
        var others = certificates.dropFirst().map { Optional($0) }
        return berth_is_trusted_by_system(leaf, &others, Int32(others.count)) == 1
    }

    /// The DNS names of the first certificate, in its order. They may begin with `*.`.
    package var names: [String] {
        var names: [String] = []
        var text = [CChar](repeating: 0, count: 255)
        while true {
            let length = berth_dns_name(leaf, Int32(names.count), &text, Int32(text.count))
            guard length >= 0 else { return names }
            names.append(String(decoding: text.prefix(Int(length)).map { UInt8(bitPattern: $0) }, as: UTF8.self))
        }
    }

    /// Whether the first certificate is for this name or IP address, as clients check it (RFC 9525).
    package func covers(_ name: String) -> Bool {
        X509_check_ip_asc(leaf, name, 0) == 1 || X509_check_host(leaf, name, name.utf8.count, 0, nil) == 1
    }

    /// The common name of the authority that the chain leads to; its whole name where it has no common name.
    package var issuer: String {
        guard let name = X509_get_issuer_name(certificates[certificates.count - 1]) else { return "" }
        var text = [CChar](repeating: 0, count: 256)
        if X509_NAME_get_text_by_NID(name, NID_commonName, &text, Int32(text.count)) < 0 {
            X509_NAME_oneline(name, &text, Int32(text.count))
        }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The certificate of the authority that the chain leads to, in PEM; nil: neither the chain nor the others have it.
    /// - Parameter others: where it may also be.
    package func authority(orIn others: CertificateChain? = nil) throws(TLSError) -> String? {
        let last = certificates[certificates.count - 1]
        for candidate in certificates.reversed() + (others?.certificates ?? []) {
            guard X509_check_issued(candidate, candidate) == X509_V_OK, X509_check_issued(candidate, last) == X509_V_OK else {
                continue
            }
            let pem = try pemBytes("PEM_write_bio_X509") { PEM_write_bio_X509($0, candidate) }
            return String(decoding: pem, as: UTF8.self)
        }
        return nil
    }
}
