package import Crypto

/// `ca_file`, loaded: certificate authorities that are trusted in addition to the system's.
package struct AuthorityFile: Sendable, Equatable {
    /// Path of a PEM file, for libcurl, which reads it itself.
    package let path: String
    /// For connections of the data plane, made from the file.
    package let client: TLSClient

    /// - Throws: when the file holds no certificate.
    package init(path: String) throws(TLSError) {
        self.path = path
        client = try TLSClient(authority: path)
    }

    /// Compares paths: a changed file takes effect at a restart.
    package static func == (a: AuthorityFile, b: AuthorityFile) -> Bool { a.path == b.path }
}
