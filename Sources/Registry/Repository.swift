/// A repository's name (distribution spec, "Pulling manifests"; ECR's own grammar is the same, ECR 3):
/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/…)*`, 255 bytes at most.
package struct Repository: Hashable, Sendable, CustomStringConvertible {
    /// The whole name, in ASCII.
    package let bytes: [UInt8]

    /// As distribution limits it. ECR allows 256.
    package static let maxBytes = 255

    /// Returns nil for any other text.
    package init?(_ bytes: [UInt8]) { self.init(bytes[...]) }

    /// Returns nil for any other text.
    package init?(_ bytes: ArraySlice<UInt8>) {
        let repository = bytes.withUnsafeBufferPointer { Repository(RawText($0)) }
        guard let repository else { return nil }
        self = repository
    }

    /// Returns nil for any other text.
    package init?(_ string: String) { self.init(Array(string.utf8)) }

    init?(_ text: RawText) {
        guard text.count <= Self.maxBytes, Self.isName(text) else { return nil }
        bytes = text.copied
    }

    /// The name with `other` in place of `prefix`; nil when it does not start with `prefix`, or when the result is not a valid name.
    package func replacing(prefix: [UInt8], with other: [UInt8]) -> Repository? {
        guard bytes.starts(with: prefix) else { return nil }
        return Repository(other + bytes.dropFirst(prefix.count))
    }

    /// The whole name.
    package var description: String { String(decoding: bytes, as: UTF8.self) }

    private enum Last { case start, letter, dot, underscore, underscores, dash }

    private static func isName(_ text: RawText) -> Bool {
        var last = Last.start
        for at in 0..<text.count {
            let byte = text[at]
            if byte &- 97 < 26 || byte &- 48 < 10 {
                last = .letter
                continue
            }
            switch (byte, last) {
            case (UInt8(ascii: "."), .letter): last = .dot
            case (UInt8(ascii: "_"), .letter): last = .underscore
            case (UInt8(ascii: "_"), .underscore): last = .underscores
            case (UInt8(ascii: "-"), .letter), (UInt8(ascii: "-"), .dash): last = .dash
            case (UInt8(ascii: "/"), .letter): last = .start
            default: return false
            }
        }
        return last == .letter
    }
}
