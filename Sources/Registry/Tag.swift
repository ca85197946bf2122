/// A tag: `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}` (distribution spec, "Pulling manifests").
package struct Tag: Hashable, Sendable, CustomStringConvertible {
    /// The whole text, in ASCII.
    package let bytes: [UInt8]

    /// Returns nil for any other text.
    package init?(_ bytes: [UInt8]) { self.init(bytes[...]) }

    /// Returns nil for any other text.
    package init?(_ bytes: ArraySlice<UInt8>) {
        let tag = bytes.withUnsafeBufferPointer { Tag(RawText($0)) }
        guard let tag else { return nil }
        self = tag
    }

    init?(_ text: RawText) {
        guard (1...128).contains(text.count), Self.isWord(text[0]) else { return nil }
        for at in 1..<text.count {
            let byte = text[at]
            guard Self.isWord(byte) || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-") else { return nil }
        }
        bytes = text.copied
    }

    private static func isWord(_ byte: UInt8) -> Bool { (byte | 0x20) &- 97 < 26 || byte &- 48 < 10 || byte == UInt8(ascii: "_") }

    /// The whole text.
    package var description: String { String(decoding: bytes, as: UTF8.self) }
}
