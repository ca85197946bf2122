import COpenSSL

/// The digest of a content that passes in parts: SHA-256 or SHA-512 (FIPS 180-4). Confined to one thread at a time.
package final class ContentHash {
    private let context: OpaquePointer
    private let byteCount: Int

    /// The digest of no bytes yet.
    package init(isSHA512: Bool) {
        // EVP_MD_CTX_new fails only without memory, where Swift itself traps too.
        context = EVP_MD_CTX_new()
        byteCount = isSHA512 ? 64 : SHA256.byteCount
        EVP_DigestInit_ex(context, isSHA512 ? EVP_sha512() : EVP_sha256(), nil)
    }

    deinit { EVP_MD_CTX_free(context) }

    /// Adds bytes to what is hashed.
    package func update(_ bytes: UnsafeRawBufferPointer) { EVP_DigestUpdate(context, bytes.baseAddress, bytes.count) }

    /// The 32 or 64 bytes of the digest. Nothing may follow.
    package func digest() -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
            EVP_DigestFinal_ex(context, buffer.baseAddress, nil)
            count = byteCount
        }
    }
}
