import COpenSSL

/// A copy of secret bytes, which is erased when it is no longer held.
package struct HeldSecret: ~Copyable {
    private let bytes: UnsafeMutableRawBufferPointer

    /// Copies the bytes. At least one.
    package init(_ secret: ArraySlice<UInt8>) {
        bytes = .allocate(byteCount: secret.count, alignment: 1)
        secret.withUnsafeBytes { bytes.copyMemory(from: $0) }
    }

    deinit {
        OPENSSL_cleanse(bytes.baseAddress, bytes.count)
        bytes.deallocate()
    }

    /// Compares in a time that does not depend on where the two differ. Their lengths are not secret.
    package func isEqual(to other: ArraySlice<UInt8>) -> Bool {
        other.withUnsafeBytes { $0.count == bytes.count && CRYPTO_memcmp(bytes.baseAddress, $0.baseAddress, $0.count) == 0 }
    }
}
