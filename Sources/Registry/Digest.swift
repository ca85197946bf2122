/// A content digest: `sha256:` and 64, or `sha512:` and 128 lower-case hexadecimal digits (image spec, "Digests").
package struct Digest: Hashable, Sendable, CustomStringConvertible {
    package let bytes: [UInt8]

    package init?(_ bytes: some Collection<UInt8>) {
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

    package init?(_ string: String) { self.init(Array(string.utf8)) }

    package var description: String { String(decoding: bytes, as: UTF8.self) }
}

/// What a manifest is asked for by (distribution spec, "Pulling manifests").
package enum Reference: Hashable, Sendable, CustomStringConvertible {
    case tag(Tag)
    case digest(Digest)

    package init?(_ bytes: some Collection<UInt8>) {
        if let digest = Digest(bytes) {
            self = .digest(digest)
        } else if let tag = Tag(bytes) {
            self = .tag(tag)
        } else {
            return nil
        }
    }

    package var bytes: [UInt8] {
        switch self {
        case .tag(let tag): tag.bytes
        case .digest(let digest): digest.bytes
        }
    }

    package var description: String { String(decoding: bytes, as: UTF8.self) }
}

/// `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`.
package struct Tag: Hashable, Sendable, CustomStringConvertible {
    package let bytes: [UInt8]

    package init?(_ bytes: some Collection<UInt8>) {
        guard let first = bytes.first, bytes.count <= 128, Self.isWord(first) else { return nil }
        guard bytes.allSatisfy({ Self.isWord($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-") }) else { return nil }
        self.bytes = Array(bytes)
    }

    private static func isWord(_ byte: UInt8) -> Bool { (byte | 0x20) &- 97 < 26 || byte &- 48 < 10 || byte == UInt8(ascii: "_") }

    package var description: String { String(decoding: bytes, as: UTF8.self) }
}
