/// A content digest: `sha256:` and 64, or `sha512:` and 128 lower-case hexadecimal digits (image spec, "Digests").
package struct Digest: Hashable, Sendable, CustomStringConvertible {
    /// The whole text, in ASCII.
    package let bytes: [UInt8]

    /// Returns nil for any other text.
    package init?(_ bytes: [UInt8]) { self.init(bytes[...]) }

    /// Returns nil for any other text.
    package init?(_ bytes: ArraySlice<UInt8>) {
        let digits: Int
        if bytes.starts(with: "sha256:".utf8) {
            digits = 64
        } else if bytes.starts(with: "sha512:".utf8) {
            digits = 128
        } else {
            return nil
        }
        let value = bytes.dropFirst(7)
        guard value.count == digits, value.allSatisfy({ $0 &- 48 < 10 || $0 &- 97 < 6 }) else { return nil }
        self.bytes = Array(bytes)
    }

    /// Returns nil for any other text.
    package init?(_ string: String) { self.init(Array(string.utf8)) }

    /// The whole text.
    package var description: String { String(decoding: bytes, as: UTF8.self) }
}
