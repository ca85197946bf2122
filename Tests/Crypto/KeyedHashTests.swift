import Testing

@testable import Crypto

struct KeyedHashTests {
    @Test func `a keyed hash equals HMAC-SHA-256, also when used again`() {
        for keyLength in [1, 32, 100] {
            let key = randomBytes(keyLength)
            let hash = KeyedHash(key: key)
            for length in [0, 1, 55, 64, 65, 4096] {
                let message = randomBytes(length)
                let words = message.withUnsafeBytes { hash.words(of: $0) }
                #expect(withUnsafeBytes(of: words) { Array($0) } == HMAC.sha256(key: key, message))
            }
        }
    }
}
