import Testing

@testable import Registry

struct ReferenceTests {
    @Test(arguments: ["a", "_", "0", "v1.2-3_x", "A.B", String(repeating: "t", count: 128)])
    func `a tag follows the specification's grammar`(text: String) throws {
        let tag = try #require(Tag(Array(text.utf8)))
        #expect(Reference(Array(text.utf8)) == .tag(tag) && tag.description == text)
    }

    @Test(arguments: ["sha256:" + String(repeating: "0f", count: 32), "sha512:" + String(repeating: "0f", count: 64)])
    func `a digest is SHA-256 or SHA-512 in lower case`(text: String) throws {
        let digest = try #require(Digest(text))
        #expect(Reference(Array(text.utf8)) == .digest(digest) && digest.description == text)
        #expect(Tag(Array(text.utf8)) == nil)
    }

    @Test(arguments: [
        "", "-a", ".a", "a b", "a/b", "a:b", "ä", String(repeating: "t", count: 129), "sha256:", "sha256:0f",
        "sha256:" + String(repeating: "0F", count: 32), "sha256:" + String(repeating: "0g", count: 32),
        "sha256:" + String(repeating: "0f", count: 33), "sha512:" + String(repeating: "0f", count: 32),
        "sha1:" + String(repeating: "0f", count: 20), "SHA256:" + String(repeating: "0f", count: 32),
    ])
    func `other text is neither a tag nor a digest`(text: String) { #expect(Reference(Array(text.utf8)) == nil) }
}
