/// A tag or digest that names a manifest in its repository (distribution spec, "Pulling manifests").
package enum Reference: Hashable, Sendable, CustomStringConvertible {
    /// By a name that can be moved to another manifest.
    case tag(Tag)
    /// By content.
    case digest(Digest)

    /// Returns nil when the text is neither.
    package init?(_ bytes: [UInt8]) { self.init(bytes[...]) }

    /// Returns nil when the text is neither.
    package init?(_ bytes: ArraySlice<UInt8>) {
        let reference = bytes.withUnsafeBufferPointer { Reference(RawText($0)) }
        guard let reference else { return nil }
        self = reference
    }

    init?(_ text: RawText) {
        if let digest = Digest(text) {
            self = .digest(digest)
        } else if let tag = Tag(text) {
            self = .tag(tag)
        } else {
            return nil
        }
    }

    /// The whole text, in ASCII.
    package var bytes: [UInt8] {
        switch self {
        case .tag(let tag): tag.bytes
        case .digest(let digest): digest.bytes
        }
    }

    /// The whole text.
    package var description: String { String(decoding: bytes, as: UTF8.self) }
}
