/// A content digest: `sha256:` and 64, or `sha512:` and 128 lower-case hexadecimal digits (image spec, "Digests").
package struct Digest: Hashable, Sendable, CustomStringConvertible {
    /// The whole text, in ASCII.
    package let bytes: [UInt8]

    private static let sha256Length = 7 + 64, sha512Length = 7 + 128

    /// Returns nil for any other text.
    package init?(_ bytes: [UInt8]) { self.init(bytes[...]) }

    /// Returns nil for any other text.
    package init?(_ bytes: ArraySlice<UInt8>) {
        let digest = bytes.withUnsafeBufferPointer { Digest(RawText($0)) }
        guard let digest else { return nil }
        self = digest
    }

    /// Returns nil for any other text.
    package init?(_ string: String) { self.init(Array(string.utf8)) }

    init?(_ text: RawText) {
        switch text.count {
        case Self.sha256Length: guard text.starts(with: "sha256:") else { return nil }
        case Self.sha512Length: guard text.starts(with: "sha512:") else { return nil }
        default: return nil
        }
        let areDigits = text.dropFirst(7).allWords(filler: 0) { Self.areDigits($0) }
        guard areDigits else { return nil }
        bytes = text.copied
    }

    /// Whether the eight bytes are hexadecimal digits in lower case. Additions carry nothing into the next byte, since its high bit is clear.
    @inline(__always)
    private static func areDigits(_ word: UInt64) -> Bool {
        let low = word & 0x7f7f_7f7f_7f7f_7f7f
        // The high bit tells: at least "0", past "9", at least "a", past "f".
        let isDigit = (low &+ 0x5050_5050_5050_5050) & ~(low &+ 0x4646_4646_4646_4646)
        let isLetter = (low &+ 0x1f1f_1f1f_1f1f_1f1f) & ~(low &+ 0x1919_1919_1919_1919)
        return (isDigit | isLetter) & ~word & 0x8080_8080_8080_8080 == 0x8080_8080_8080_8080
    }

    /// Sixteen digits: a digest is a hash already.
    package func hash(into hasher: inout Hasher) {
        bytes.withUnsafeBytes { text in
            hasher.combine(text.loadUnaligned(fromByteOffset: 7, as: UInt64.self))
            hasher.combine(text.loadUnaligned(fromByteOffset: 15, as: UInt64.self))
        }
    }

    /// Array's `==` compares byte by byte, and takes longer than all else of a look-up.
    package static func == (a: Digest, b: Digest) -> Bool {
        a.bytes.count == b.bytes.count
            && a.bytes.withUnsafeBytes { a in
                b.bytes.withUnsafeBytes { b in
                    if a.baseAddress == b.baseAddress { return true }
                    var at = 0
                    while at + 8 <= a.count {
                        guard
                            a.loadUnaligned(fromByteOffset: at, as: UInt64.self)
                                == b.loadUnaligned(fromByteOffset: at, as: UInt64.self)
                        else { return false }
                        at += 8
                    }
                    return a[at...].elementsEqual(b[at...])
                }
            }
    }

    /// Of SHA-512; of SHA-256 otherwise.
    package var isSHA512: Bool { bytes.count == Self.sha512Length }

    /// The whole text.
    package var description: String { String(decoding: bytes, as: UTF8.self) }
}
