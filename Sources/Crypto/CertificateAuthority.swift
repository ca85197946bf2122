import COpenSSL
import Glibc

/// A certificate authority with a new key each time: for the sandbox, the demo and tests. All keys are P-256.
package final class CertificateAuthority {
    private let key: PrivateKey
    private let certificate: Certificate

    /// - Parameters:
    ///   - name: the common name, shown in a client's list of authorities.
    ///   - days: how long the authority and all its certificates are valid.
    package init(name: String, days: Int = 365) throws(TLSError) {
        self.days = days
        key = try PrivateKey()
        certificate = try Certificate(subject: name, key: key, days: days)
        try certificate.sign(issuer: certificate, with: key) {
            [
                (NID_basic_constraints, "critical,CA:TRUE,pathlen:0"),
                (NID_key_usage, "critical,keyCertSign,cRLSign"),
                (NID_subject_key_identifier, "hash"),
                (NID_authority_key_identifier, "keyid:always"),
            ]
        }
    }

    private let days: Int

    /// The authority's certificate, for clients to trust.
    package func certificatePEM() throws(TLSError) -> [UInt8] { try certificate.pem() }

    /// Writes the authority's certificate to a file.
    package func write(to path: String) throws(TLSError) { try writeFile(try certificatePEM(), at: path, mode: 0o644) }

    /// Issues a server's certificate.
    /// - Parameter names: at least one DNS name, whose first label may be `*`, or IP address.
    /// - Throws: when a name is neither.
    package func issue(for names: [String]) throws(TLSError) -> IssuedCertificate {
        let alternatives = try names.map { name throws(TLSError) in try Self.alternativeName(name) }.joined(separator: ",")
        let leafKey = try PrivateKey()
        // The subject's common name is for people: clients only look at the alternative names (RFC 9525 2).
        let leaf = try Certificate(subject: String(names.first?.prefix(64) ?? ""), key: leafKey, days: days)
        try leaf.sign(issuer: certificate, with: key) {
            [
                (NID_basic_constraints, "critical,CA:FALSE"),
                (NID_key_usage, "critical,digitalSignature"),
                (NID_ext_key_usage, "serverAuth"),
                (NID_subject_alt_name, alternatives),
                (NID_subject_key_identifier, "hash"),
                (NID_authority_key_identifier, "keyid:always"),
            ]
        }
        return IssuedCertificate(chainPEM: try leaf.pem() + certificate.pem(), privateKeyPEM: Secret(try leafKey.pem()))
    }

    /// In OpenSSL's configuration syntax, where a comma in a name would begin another name.
    private static func alternativeName(_ name: String) throws(TLSError) -> String {
        let isPlain = name.utf8.allSatisfy { ($0 | 0x20) &- 97 < 26 || $0 &- 48 < 10 || "-_.:*".utf8.contains($0) }
        guard isPlain, !name.isEmpty else {
            throw TLSError(call: "X509V3_EXT_conf_nid", reason: "'\(name)' is neither a DNS name nor an IP address")
        }
        var octets = in6_addr()
        let isAddress = inet_pton(AF_INET, name, &octets) == 1 || inet_pton(AF_INET6, name, &octets) == 1
        return (isAddress ? "IP:" : "DNS:") + name
    }
}

/// A server's certificate and its key, both PEM.
package struct IssuedCertificate: Sendable {
    /// The server's certificate, then its issuer's.
    package let chainPEM: [UInt8]
    /// Not encrypted.
    package let privateKeyPEM: Secret<[UInt8]>

    /// Writes two files. Only the owner can read the key's.
    /// - Parameters:
    ///   - chain: path of the certificates.
    ///   - privateKey: path of the key.
    package func write(chain: String, privateKey: String) throws(TLSError) {
        try writeFile(chainPEM, at: chain, mode: 0o644)
        try writeFile(privateKeyPEM.reveal, at: privateKey, mode: 0o600)
    }
}

private func writeFile(_ bytes: [UInt8], at path: String, mode: mode_t) throws(TLSError) {
    unlink(path)  // an existing file would keep its mode
    let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
    guard descriptor >= 0 else { throw TLSError(call: "open", reason: "\(path): \(String(cString: strerror(errno)))") }
    defer { close(descriptor) }
    guard Glibc.write(descriptor, bytes, bytes.count) == bytes.count else {
        throw TLSError(call: "write", reason: "\(path): \(String(cString: strerror(errno)))")
    }
}

private final class PrivateKey {
    let key: OpaquePointer

    init() throws(TLSError) {
        ERR_clear_error()
        guard let key = berth_p256_key() else { throw .taken(after: "EVP_EC_gen") }
        self.key = key
    }

    deinit { EVP_PKEY_free(key) }

    func pem() throws(TLSError) -> [UInt8] {
        try pemBytes("PEM_write_bio_PrivateKey") { PEM_write_bio_PrivateKey($0, key, nil, nil, 0, nil, nil) }
    }
}

private final class Certificate {
    let certificate: OpaquePointer

    init(subject: String, key: PrivateKey, days: Int) throws(TLSError) {
        ERR_clear_error()
        guard let certificate = X509_new() else { throw .taken(after: "X509_new") }
        self.certificate = certificate
        X509_set_version(certificate, 2)  // counted from 0: this is version 3
        ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), UInt64.random(in: 1...(1 << 62)))
        // An hour ago: the clocks of a container and its host may differ.
        X509_gmtime_adj(X509_getm_notBefore(certificate), -3600)
        X509_gmtime_adj(X509_getm_notAfter(certificate), days * 86400)
        X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", berth_utf8_string, subject, -1, -1, 0)
        X509_set_pubkey(certificate, key.key)
    }

    deinit { X509_free(certificate) }

    func sign(issuer: Certificate, with key: PrivateKey, extensions: () -> [(Int32, String)]) throws(TLSError) {
        X509_set_issuer_name(certificate, X509_get_subject_name(issuer.certificate))
        for (identifier, value) in extensions() {
            var context = X509V3_CTX()
            X509V3_set_ctx(&context, issuer.certificate, certificate, nil, nil, 0)
            guard let made = X509V3_EXT_conf_nid(nil, &context, identifier, value) else {
                throw .taken(after: "X509V3_EXT_conf_nid")
            }
            X509_add_ext(certificate, made, -1)
            X509_EXTENSION_free(made)
        }
        guard X509_sign(certificate, key.key, EVP_sha256()) > 0 else { throw .taken(after: "X509_sign") }
    }

    func pem() throws(TLSError) -> [UInt8] { try pemBytes("PEM_write_bio_X509") { PEM_write_bio_X509($0, certificate) } }
}

func pemBytes(_ call: StaticString, _ write: (OpaquePointer) -> Int32) throws(TLSError) -> [UInt8] {
    ERR_clear_error()
    guard let memory = BIO_new(BIO_s_mem()) else { throw .taken(after: "BIO_new") }
    defer { BIO_free(memory) }
    guard write(memory) == 1 else { throw .taken(after: call) }
    var start: UnsafeMutablePointer<CChar>?
    let count = berth_pem_bytes(memory, &start)
    return Array(UnsafeRawBufferPointer(start: start, count: count))
}
