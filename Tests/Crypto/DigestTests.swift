import Testing

@testable import Crypto

struct DigestTests {
    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    ])
    func `SHA-256 gives the published digests, whole and in parts`(text: String, digest: String) {
        let bytes = Array(text.utf8)
        #expect(Hexadecimal.string(of: SHA256.digest(of: bytes)) == digest)
        var hash = SHA256()
        for byte in bytes { hash.update([byte]) }
        #expect(Hexadecimal.string(of: hash.digest()) == digest)
        #expect(Hexadecimal.string(of: hash.digest()) == digest, "asking does not end the hash")
    }

    @Test func `HMAC-SHA-256 gives the code of RFC 4231 4.3`() {
        let code = HMAC.sha256(key: Array("Jefe".utf8), Array("what do ya want for nothing?".utf8))
        #expect(Hexadecimal.string(of: code) == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
    }

    @Test func `every byte survives hexadecimal and back`() {
        let bytes = (0...255).map { UInt8($0) }
        #expect(Hexadecimal.decoded(Hexadecimal.bytes(of: bytes)[...]) == bytes)
    }

    @Test(arguments: ["0", "0g", "0A", " 0", "0x"]) func `other text is not hexadecimal`(text: String) {
        #expect(Hexadecimal.decoded(Array(text.utf8)[...]) == nil)
    }

    @Test func `secrets are compared by length and content`() {
        #expect(constantTimeEqual([1, 2], [1, 2]) && constantTimeEqual([], []))
        #expect(!constantTimeEqual([1, 2], [1, 3]) && !constantTimeEqual([1], [1, 2]))
    }

    @Test func `a secret is not printed, described or dumped`() {
        let secret = Secret("hidden")
        var dumped = ""
        dump(secret, to: &dumped)
        for text in ["\(secret)", String(reflecting: secret), String(describing: secret), dumped, "\([secret])"] {
            #expect(!text.contains("hidden"))
        }
        #expect(secret.reveal == "hidden")
    }
}
