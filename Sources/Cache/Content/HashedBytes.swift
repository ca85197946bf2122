import Crypto
import Registry

/// The bytes of a content as they come: hashed, and kept if the content is small.
struct HashedBytes {
    private let hash: ContentHash
    private let digest: Digest
    /// How many have come.
    private(set) var count = 0
    /// All of them, of a small content.
    private(set) var memory: [UInt8]?

    /// - Parameter size: of the whole content.
    init(of digest: Digest, size: Int) {
        hash = ContentHash(isSHA512: digest.isSHA512)
        self.digest = digest
        memory = KeptContents.isSmall(size) ? [] : nil
    }

    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        hash.update(bytes)
        memory?.append(contentsOf: bytes)
        count += bytes.count
    }

    /// Whether these are the bytes of the digest. Nothing may follow.
    func areRight() -> Bool { hash.digest() == Hexadecimal.decoded(Array(digest.fileName.utf8)[...]) }
}
