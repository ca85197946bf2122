/// A tag: `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}` (distribution spec, "Pulling manifests").
package struct Tag: Hashable, Sendable, CustomStringConvertible {
    /// The whole text, in ASCII.
    package let bytes: [UInt8]

    /// Returns nil for any other text.
    package init?(_ bytes: [UInt8]) { self.init(bytes[...]) }

    /// Returns nil for any other text.
    package init?(_ bytes: ArraySlice<UInt8>) {
        guard let first = bytes.first, bytes.count <= 128, Self.isWord(first) else { return nil }
        guard bytes.allSatisfy({ Self.isWord($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-") }) else { return nil }
        self.bytes = Array(bytes)
    }

    private static func isWord(_ byte: UInt8) -> Bool { (byte | 0x20) &- 97 < 26 || byte &- 48 < 10 || byte == UInt8(ascii: "_") }

    /// The whole text.
    package var description: String { String(decoding: bytes, as: UTF8.self) }
}
