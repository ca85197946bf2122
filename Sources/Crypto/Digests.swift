import COpenSSL

/// SHA-256 (FIPS 180-4), of a whole message or in parts.
package struct SHA256: ~Copyable {
    /// Bytes of a digest.
    package static let byteCount = 32
    private let context: OpaquePointer

    /// The digest of no bytes yet.
    package init() {
        // EVP_MD_CTX_new fails only without memory, where Swift itself traps too.
        context = EVP_MD_CTX_new()
        EVP_DigestInit_ex(context, EVP_sha256(), nil)
    }

    deinit { EVP_MD_CTX_free(context) }

    /// Adds bytes to what is hashed.
    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        EVP_DigestUpdate(context, bytes.baseAddress, bytes.count)
    }

    /// Adds bytes to what is hashed.
    package mutating func update(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { update($0) }
    }

    /// The 32 bytes of the digest of all bytes so far. More may follow.
    package func digest() -> [UInt8] {
        let copy = EVP_MD_CTX_new()
        defer { EVP_MD_CTX_free(copy) }
        EVP_MD_CTX_copy_ex(copy, context)
        return [UInt8](unsafeUninitializedCapacity: Self.byteCount) { buffer, count in
            EVP_DigestFinal_ex(copy, buffer.baseAddress, nil)
            count = Self.byteCount
        }
    }

    /// The 32 bytes of the digest of a whole message.
    package static func digest(of bytes: [UInt8]) -> [UInt8] { bytes.withUnsafeBytes { digest(of: $0) } }

    /// The 32 bytes of the digest of a whole message.
    package static func digest(of bytes: UnsafeRawBufferPointer) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
            _ = EVP_Digest(bytes.baseAddress, bytes.count, buffer.baseAddress, nil, EVP_sha256(), nil)
            count = byteCount
        }
    }
}

/// SHA-1, for names that other programs form with it. Nothing is protected by it.
package enum SHA1 {
    /// The 20 bytes of the digest.
    package static func digest(of bytes: [UInt8]) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 20) { buffer, count in
            _ = EVP_Digest(bytes, bytes.count, buffer.baseAddress, nil, EVP_sha1(), nil)
            count = 20
        }
    }
}

/// HMAC-SHA-256 (RFC 2104).
package enum HMAC {
    /// The 32 bytes of the code of a message under a key of any length.
    package static func sha256(key: [UInt8], _ message: [UInt8]) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: SHA256.byteCount) { buffer, count in
            _ = COpenSSL.HMAC(EVP_sha256(), key, Int32(key.count), message, message.count, buffer.baseAddress, nil)
            count = SHA256.byteCount
        }
    }
}

/// HMAC-SHA-256 under one key, which is set up once. Does not allocate: for a lookup on every request. OpenSSL's `HMAC` looks the algorithm up by
/// name in each call, which costs four times the hash itself. Confined to one thread.
package final class KeyedHash {
    private let context: OpaquePointer

    /// - Parameter key: of any length.
    package init(key: [UInt8]) {
        // These fail only without memory or without SHA-256, and then nothing else works either.
        guard let mac = EVP_MAC_fetch(nil, "HMAC", nil), let context = EVP_MAC_CTX_new(mac) else { fatalError("no HMAC") }
        EVP_MAC_free(mac)
        self.context = context
        let isSet = "SHA256".withCString { name in
            var parameters = [
                OSSL_PARAM_construct_utf8_string("digest", UnsafeMutablePointer(mutating: name), 0), OSSL_PARAM_construct_end(),
            ]
            return EVP_MAC_init(context, key, key.count, &parameters)
        }
        precondition(isSet == 1, "HMAC-SHA-256 cannot be set up")
    }

    deinit { EVP_MAC_CTX_free(context) }

    /// The 32 bytes of the code as four words, in the machine's byte order.
    package func words(of message: UnsafeRawBufferPointer) -> (UInt64, UInt64, UInt64, UInt64) {
        var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        withUnsafeMutableBytes(of: &words) { digest in
            // Without a key: starts again under the key that is set.
            EVP_MAC_init(context, nil, 0, nil)
            EVP_MAC_update(context, message.baseAddress?.assumingMemoryBound(to: UInt8.self), message.count)
            EVP_MAC_final(context, digest.baseAddress?.assumingMemoryBound(to: UInt8.self), nil, digest.count)
        }
        return words
    }
}

/// Lower-case hexadecimal text.
package enum Hexadecimal {
    /// The digit of a value below 16.
    private static func digit(_ value: UInt8) -> UInt8 { value < 10 ? 48 + value : 87 + value }

    /// Lower case, two characters a byte.
    package static func bytes(of bytes: [UInt8]) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 2 * bytes.count) { text, count in
            for byte in bytes {
                text[count] = digit(byte >> 4)
                text[count + 1] = digit(byte & 15)
                count += 2
            }
        }
    }

    /// The bytes that `bytes(of:)` was given; nil: an odd number of characters, or one that is not a lower-case digit.
    package static func decoded(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        guard text.count % 2 == 0 else { return nil }
        var bytes: [UInt8] = []
        var high: UInt8?
        for character in text {
            guard character &- 48 < 10 || character &- 97 < 6 else { return nil }
            let value = character &- 48 < 10 ? character - 48 : character - 87
            if let first = high { bytes.append(first << 4 | value) }
            high = high == nil ? value : nil
        }
        return bytes
    }

    /// Lower case, two characters a byte.
    package static func string(of bytes: [UInt8]) -> String {
        String(decoding: self.bytes(of: bytes), as: UTF8.self)
    }
}

/// Compares in a time that does not depend on where two secrets differ. Their lengths are not secret.
package func constantTimeEqual(_ a: [UInt8], _ b: [UInt8]) -> Bool {
    a.count == b.count && CRYPTO_memcmp(a, b, a.count) == 0
}

/// Keeps OpenSSL from freeing its shared memory at exit while threads still use it. Only before OpenSSL's first use.
package func disableOpenSSLExitHandler() { OPENSSL_init_crypto(UInt64(OPENSSL_INIT_NO_ATEXIT), nil) }

/// Random bytes from OpenSSL's generator, which is seeded by the system; fit for keys.
package func randomBytes(_ count: Int) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
        // Without randomness no secret is safe: stopping is the only choice.
        precondition(RAND_bytes(buffer.baseAddress, Int32(count)) == 1, "the system's random generator failed")
        filled = count
    }
}
