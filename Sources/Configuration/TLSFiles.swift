package import Crypto
import Foundation

extension Settings {
    /// A listener's certificate and key, loaded: what cannot be used is found while the configuration is read.
    package struct TLSFiles: Sendable, Equatable {
        /// Paths of PEM files.
        package let certificate: String, privateKey: String, clientCA: String?
        package let server: TLSServer
        /// A digest of what was in the files: a renewed certificate is another one at the same path.
        private let contents: [UInt8]

        package init(certificate: String, privateKey: String, clientCA: String? = nil) throws(TLSError) {
            (self.certificate, self.privateKey, self.clientCA) = (certificate, privateKey, clientCA)
            // Before they are loaded: a file that is replaced in between is taken for changed once more, never for unchanged.
            contents = Self.digest(of: [certificate, privateKey, clientCA])
            server = try TLSServer(certificateChain: certificate, privateKey: privateKey, clientAuthority: clientCA)
        }

        private static func digest(of paths: [String?]) -> [UInt8] {
            SHA256.digest(of: paths.flatMap { path in SHA256.digest(of: path.flatMap(Files.bytes).map { Array($0) } ?? []) })
        }

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

            /// What is wrong, after the path, and the fix.
            func problem(_ error: TLSError) -> String {
                switch self {
                case .certificate: "is not a certificate (\(error.reason)); name a PEM file of the certificate and then its issuers"
                case .privateKey:
                    "is not the certificate's key (\(error.reason)); name the unencrypted PEM key that the certificate was made with"
                case .clientCA: "holds no certificate (\(error.reason)); name a PEM file of those that issue the clients'"
                }
            }
        }
    }
}
