import Crypto

/// UUIDs in text form.
enum UUIDText {
    /// Version 4, as ECR's are.
    static func random() -> String {
        var bytes = randomBytes(16)
        bytes[6] = bytes[6] & 0x0f | 0x40
        bytes[8] = bytes[8] & 0x3f | 0x80
        return grouped(Hexadecimal.string(of: bytes))
    }

    /// 32 hexadecimal digits, in the groups of a UUID.
    static func grouped(_ hex: some StringProtocol) -> String {
        var rest = hex[...]
        return [8, 4, 4, 4, 12].map { count in
            defer { rest = rest.dropFirst(count) }
            return String(rest.prefix(count))
        }.joined(separator: "-")
    }
}
