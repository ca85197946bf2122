package import Crypto

/// User name and password of `Authorization: Basic …` (RFC 7617).
package struct BasicCredentials: Sendable {
    /// The user name as sent, in any encoding; it may be empty.
    package let user: [UInt8]
    /// The password as sent; it may be empty.
    package let password: Secret<[UInt8]>

    /// Of the field's value: room for a password of about 6 KiB.
    package static let maxFieldBytes = 8 << 10

    /// Whether name and password are empty, which skopeo sends when it has no credentials.
    package var isEmpty: Bool { user.isEmpty && password.reveal.isEmpty }

    /// nil: another scheme, longer than `maxFieldBytes`, or not base64 of `user:password`.
    /// - Parameter field: the value of `Authorization`.
    package init?(field: [UInt8]) { self.init(field: field[...]) }

    /// nil: another scheme, longer than `maxFieldBytes`, or not base64 of `user:password`.
    /// - Parameter field: the value of `Authorization`.
    package init?(field: ArraySlice<UInt8>) {
        guard field.count <= Self.maxFieldBytes else { return nil }
        let scheme = field.prefix { $0 != 32 }
        let name = scheme.map { $0 &- 65 < 26 ? $0 | 0x20 : $0 }
        guard name == Array("basic".utf8),
            let decoded = decodedBase64(field.dropFirst(scheme.count).drop { $0 == 32 }),
            let colon = decoded.firstIndex(of: UInt8(ascii: ":"))
        else { return nil }
        user = Array(decoded[..<colon])
        password = Secret(Array(decoded[(colon + 1)...]))
    }
}

/// Decodes base64 (RFC 4648 4); nil: invalid. Padding may be missing, since some clients omit it.
private func decodedBase64(_ text: some Collection<UInt8>) -> [UInt8]? {
    var decoded: [UInt8] = []
    decoded.reserveCapacity(text.count * 3 / 4)
    var bits: UInt32 = 0, count = 0, padding = 0
    for byte in text {
        let value: UInt8
        switch byte {
        case 65...90: value = byte - 65
        case 97...122: value = byte - 71
        case 48...57: value = byte + 4
        case UInt8(ascii: "+"): value = 62
        case UInt8(ascii: "/"): value = 63
        case UInt8(ascii: "="):
            padding += 1
            continue
        default: return nil
        }
        guard padding == 0 else { return nil }
        bits = bits << 6 | UInt32(value)
        count += 1
        if count % 4 == 0 {
            decoded += [
                UInt8(truncatingIfNeeded: bits >> 16), UInt8(truncatingIfNeeded: bits >> 8), UInt8(truncatingIfNeeded: bits),
            ]
        }
    }
    guard padding == 0 || (count + padding) % 4 == 0, padding <= 2 else { return nil }
    switch count % 4 {
    case 0: break
    case 2: decoded.append(UInt8(truncatingIfNeeded: bits >> 4))
    case 3: decoded += [UInt8(truncatingIfNeeded: bits >> 10), UInt8(truncatingIfNeeded: bits >> 2)]
    default: return nil
    }
    return decoded
}
