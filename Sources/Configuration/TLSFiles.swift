package import Crypto
import FoundationEssentials

/// A listener's certificate and key, loaded. Files that cannot be used are thus found while the configuration is read.
package struct TLSFiles: Sendable, Equatable {
    /// Paths of PEM files. `clientCA`: clients must present a certificate that it signed; nil: none is requested.
    package let certificate: String, privateKey: String, clientCA: String?
    /// Made from these files.
    package let server: TLSServer
    /// A digest of the files' contents: it tells a renewed certificate at the same path from the old one.
    private let contents: [UInt8]
    /// The same of `clientCA` alone; nil: there is none.
    package let clientAuthority: [UInt8]?

    /// - Throws: what OpenSSL says of a file that cannot be used; `Part` tells which one it was.
    package init(certificate: String, privateKey: String, clientCA: String? = nil) throws(TLSError) {
        (self.certificate, self.privateKey, self.clientCA) = (certificate, privateKey, clientCA)
        // Digest before load: if a file is replaced in between, the next reload finds a change that is none, and never misses one.
        contents = Self.digest(of: [certificate, privateKey, clientCA])
        clientAuthority = clientCA.map { Self.digest(of: [$0]) }
        server = try TLSServer(certificateChain: certificate, privateKey: privateKey, clientAuthority: clientCA)
    }

    private static func digest(of paths: [String?]) -> [UInt8] {
        SHA256.digest(of: paths.flatMap { path in SHA256.digest(of: path.flatMap(Files.bytes) ?? []) })
    }

    /// Compares paths and contents.
    package static func == (a: TLSFiles, b: TLSFiles) -> Bool {
        (a.certificate, a.privateKey, a.clientCA) == (b.certificate, b.privateKey, b.clientCA) && a.contents == b.contents
    }

    /// The key whose file cannot be used.
    enum Part: String {
        case certificate, privateKey = "private_key", clientCA = "client_ca"

        init(_ error: TLSError) {
            switch "\(error.call)" {
            case "SSL_CTX_use_certificate_chain_file": self = .certificate
            case "SSL_CTX_load_verify_locations": self = .clientCA
            default: self = .privateKey
            }
        }

        /// What is wrong with the file and how to mend it; to be written after its path.
        func problem(_ error: TLSError) -> String {
            switch self {
            case .certificate: "is not a certificate (\(error.reason)); name a PEM file of the certificate, then its issuers"
            case .privateKey: "is not the certificate's key (\(error.reason)); name the PEM file of its private key, unencrypted"
            case .clientCA: "holds no certificate (\(error.reason)); name a PEM file of the CAs that issue clients' certificates"
            }
        }
    }
}
