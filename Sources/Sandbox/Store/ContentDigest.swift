import Crypto

/// `sha256:` and 64 hexadecimal digits, the only kind of digest that ECR makes.
struct ContentDigest: Hashable, Codable, CustomStringConvertible {
    /// Lower case.
    let hex: String

    init?(_ text: String) {
        guard text.hasPrefix("sha256:"), case let hex = text.dropFirst(7), hex.utf8.count == 64,
            hex.utf8.allSatisfy({ $0 &- 48 < 10 || $0 &- 97 < 6 })
        else { return nil }
        self.hex = String(hex)
    }

    /// - Parameter bytes: 32 of them.
    init(bytes: [UInt8]) { hex = Hexadecimal.string(of: bytes) }

    static func of(_ content: [UInt8]) -> ContentDigest { ContentDigest(bytes: SHA256.digest(of: content)) }

    var description: String { "sha256:\(hex)" }

    init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        guard let digest = ContentDigest(text) else {
            throw DecodingError.dataCorrupted(.init(codingPath: decoder.codingPath, debugDescription: "'\(text)' is not a digest"))
        }
        self = digest
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
