package import Crypto

/// `ca_file`, loaded: certificate authorities that are trusted in addition to the system's.
package struct AuthorityFile: Sendable, Equatable {
    /// Path of a PEM file.
    package let path: String
    /// What it held, for libcurl.
    package let certificates: [UInt8]
    /// For connections of the data plane, made from the file.
    package let client: TLSClient

    /// - Throws: when the file holds no certificate.
    package init(path: String) throws(TLSError) {
        self.path = path
        // Read before it is loaded: if the file is replaced in between, the next reload finds a change that is none, and never misses one.
        guard let bytes = Files.bytes(path) else { throw TLSError(call: "read", reason: "it cannot be read, or is over 4 MiB") }
        certificates = Array(bytes)
        client = try TLSClient(authority: path)
    }

    /// Compares paths and contents.
    package static func == (a: AuthorityFile, b: AuthorityFile) -> Bool {
        a.path == b.path && a.certificates == b.certificates
    }
}
