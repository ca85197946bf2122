package import FoundationEssentials

/// The certificate of a listener.
package struct CertificateStatus: Sendable, Encodable {
    let listener: String, file: String
    let expires: Date

    /// - Parameters:
    ///   - listener: its address.
    ///   - file: as in the configuration.
    ///   - expires: the first of the chain.
    package init(listener: String, file: String, expires: Date) {
        (self.listener, self.file, self.expires) = (listener, file, expires)
    }
}

/// The body of `/api/v1/certificates`.
struct Certificates: Encodable { let certificates: [CertificateStatus] }
