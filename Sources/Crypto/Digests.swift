import COpenSSL

/// SHA-256 (FIPS 180-4), whole or in parts. 32 bytes.
package struct SHA256: ~Copyable {
    package static let byteCount = 32
    private let context: OpaquePointer

    package init() {
        // EVP_MD_CTX_new fails only without memory, where Swift itself traps too.
        context = EVP_MD_CTX_new()
        EVP_DigestInit_ex(context, EVP_sha256(), nil)
    }

    deinit { EVP_MD_CTX_free(context) }

    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        EVP_DigestUpdate(context, bytes.baseAddress, bytes.count)
    }

    package mutating func update(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { update($0) }
    }

    /// The digest of what was given so far; more may follow.
    package func digest() -> [UInt8] {
        let copy = EVP_MD_CTX_new()
        defer { EVP_MD_CTX_free(copy) }
        EVP_MD_CTX_copy_ex(copy, context)
        return [UInt8](unsafeUninitializedCapacity: Self.byteCount) { buffer, count in
            EVP_DigestFinal_ex(copy, buffer.baseAddress, nil)
            count = Self.byteCount
        }
    }

    package static func digest(of bytes: some Collection<UInt8>) -> [UInt8] {
        let bytes = ContiguousArray(bytes)
        return [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
            bytes.withUnsafeBytes { _ = EVP_Digest($0.baseAddress, $0.count, buffer.baseAddress, nil, EVP_sha256(), nil) }
            count = byteCount
        }
    }
}

/// SHA-1, for names that others have chosen so; 20 bytes. Nothing is protected by it.
package enum SHA1 {
    package static func digest(of bytes: [UInt8]) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 20) { buffer, count in
            _ = EVP_Digest(bytes, bytes.count, buffer.baseAddress, nil, EVP_sha1(), nil)
            count = 20
        }
    }
}

/// HMAC-SHA-256 (RFC 2104). 32 bytes.
package enum HMAC {
    package static func sha256(key: [UInt8], _ message: [UInt8]) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: SHA256.byteCount) { buffer, count in
            _ = COpenSSL.HMAC(EVP_sha256(), key, Int32(key.count), message, message.count, buffer.baseAddress, nil)
            count = SHA256.byteCount
        }
    }
}

/// HMAC-SHA-256 under one key that is set up once, without allocating: for a look-up on every request. OpenSSL looks the algorithm up
/// by name in each call of `HMAC`, which costs four times the hash itself. Confined to one thread.
package final class KeyedHash {
    private let context: OpaquePointer

    package init(key: [UInt8]) {
        // These fail only without memory or without SHA-256, where nothing else of Berth works either.
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

    /// The 32 bytes as four words.
    package func words(of message: UnsafeRawBufferPointer) -> (UInt64, UInt64, UInt64, UInt64) {
        var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        withUnsafeMutableBytes(of: &words) { digest in
            // Without a key: begins anew under the one that is set.
            EVP_MAC_init(context, nil, 0, nil)
            EVP_MAC_update(context, message.baseAddress?.assumingMemoryBound(to: UInt8.self), message.count)
            EVP_MAC_final(context, digest.baseAddress?.assumingMemoryBound(to: UInt8.self), nil, digest.count)
        }
        return words
    }
}

package enum Hexadecimal {
    /// A digit of its value.
    @inlinable static func digit(_ value: UInt8) -> UInt8 { value < 10 ? 48 + value : 87 + value }

    /// Lower case, two characters a byte.
    @inlinable package static func bytes(of bytes: some Collection<UInt8>) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 2 * bytes.count) { text, count in
            for byte in bytes {
                text[count] = digit(byte >> 4)
                text[count + 1] = digit(byte & 15)
                count += 2
            }
        }
    }

    /// The bytes again; nil: an odd number of characters, or one that `bytes(of:)` does not write.
    package static func decoded(_ text: some Collection<UInt8>) -> [UInt8]? {
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

    package static func string(of bytes: some Collection<UInt8>) -> String {
        String(decoding: self.bytes(of: bytes), as: UTF8.self)
    }
}

/// Equal without telling by its time where two secrets differ. Lengths are no secret.
package func constantTimeEqual(_ a: [UInt8], _ b: [UInt8]) -> Bool {
    a.count == b.count && CRYPTO_memcmp(a, b, a.count) == 0
}

/// OpenSSL frees what it shares when the process ends (atexit), whatever threads still do with it; not any more after this, if it comes
/// before OpenSSL's first use.
package func leaveCleaningUpToTheSystem() { OPENSSL_init_crypto(UInt64(OPENSSL_INIT_NO_ATEXIT), nil) }

/// Bytes from the system's generator, fit for keys.
package func randomBytes(_ count: Int) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
        // Without randomness no secret is one: stopping is the only safe answer.
        precondition(RAND_bytes(buffer.baseAddress, Int32(count)) == 1, "the system's random generator failed")
        filled = count
    }
}
