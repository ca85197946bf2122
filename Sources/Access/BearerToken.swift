import Crypto

/// A token of the token service: it stands for a user for a few minutes, without the password. `NAME.END.SIGNATURE`: name and signature in
/// hexadecimal, the end in seconds since 1970. A token without a name is the anonymous user's.
///
/// The signature also covers the user's stored password, which is not in the token: when the user is removed or the password changes, older
/// tokens become invalid. Replicas with the same key and users accept each other's tokens.
struct BearerToken {
    let name: [UInt8]
    /// Seconds since 1970.
    let end: Int
    /// `NAME.END` as received.
    private let claim: [UInt8]
    private let signature: [UInt8]

    static let scheme = Array("bearer ".utf8)
    /// Of the whole field. A token has at most about 600 bytes, since a name has at most 256.
    static let maxFieldBytes = 1 << 10
    private static let dot = UInt8(ascii: ".")

    /// nil: another scheme or format, or longer than `maxFieldBytes`.
    /// - Parameter field: the value of `Authorization`.
    init?(field: ArraySlice<UInt8>) {
        guard field.count <= Self.maxFieldBytes, field.isBearer else { return nil }
        let parts = field.dropFirst(Self.scheme.count).split(separator: Self.dot, omittingEmptySubsequences: false)
        guard parts.count == 3, (1...12).contains(parts[1].count), parts[1].allSatisfy({ $0 &- 48 < 10 }),
            let name = Hexadecimal.decoded(parts[0]), let signature = Hexadecimal.decoded(parts[2])
        else { return nil }
        (self.name, self.signature) = (name, signature)
        end = parts[1].reduce(0) { $0 * 10 + Int($1 - 48) }
        claim = Array(parts[0]) + [Self.dot] + parts[1]
    }

    /// - Parameter credential: the user's stored password; nil: of the anonymous user.
    func isSigned(for credential: Credential?, by key: Secret<[UInt8]>) -> Bool {
        constantTimeEqual(signature, Self.signature(of: claim, credential, key))
    }

    /// - Returns: the token without its scheme.
    static func make(name: [UInt8], end: Int, for credential: Credential?, by key: Secret<[UInt8]>) -> [UInt8] {
        let claim = Hexadecimal.bytes(of: name) + [dot] + Array(String(end).utf8)
        return claim + [dot] + Hexadecimal.bytes(of: signature(of: claim, credential, key))
    }

    private static func signature(of claim: [UInt8], _ credential: Credential?, _ key: Secret<[UInt8]>) -> [UInt8] {
        // The letters separate the three kinds from each other and from a claim, which starts with a hexadecimal digit or a dot.
        let proof: [UInt8] =
            switch credential {
            case nil: Array("n".utf8)
            case .hash(let hash): Array("h".utf8) + hash.bytes
            case .plain(let password): Array("p".utf8) + password.reveal
            }
        return HMAC.sha256(key: key.reveal, claim + [0] + HMAC.sha256(key: key.reveal, proof))
    }
}

extension ArraySlice<UInt8> {
    /// Whether this value of `Authorization` has the scheme of tokens (RFC 6750 2.1).
    package var isBearer: Bool {
        count >= BearerToken.scheme.count && zip(self, BearerToken.scheme).allSatisfy { ($0 &- 65 < 26 ? $0 | 0x20 : $0) == $1 }
    }

    /// Whether this is a bearer token longer than any of this gateway's. It can be rejected without hashing it.
    package var isOversizedBearer: Bool { count > BearerToken.maxFieldBytes && isBearer }
}
