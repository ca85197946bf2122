/// The certificate of a listener.
package struct CertificateFigures: Sendable, Equatable {
    /// The listener's address.
    package let listener: String
    /// When the first certificate of its chain expires, in seconds since 1970.
    package let expiry: Double

    /// - Parameter expiry: in seconds since 1970.
    package init(listener: String, expiry: Double) { (self.listener, self.expiry) = (listener, expiry) }
}
