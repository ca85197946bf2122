import Crypto

/// What the token service gives for a login: it names the user and ends, and is not the login. `NAME.END.SIGNATURE`: the name and the
/// signature in hexadecimal, the end in seconds since 1970. A token without a name is the anonymous user's.
///
/// The signature covers the user's credential, which is not in the token: once a user is removed or has another password, the tokens from
/// before are void. Replicas with the same key and the same users take each other's.
struct BearerToken {
    let name: [UInt8]
    /// Seconds since 1970.
    let end: Int
    /// `NAME.END` as it was sent.
    private let claim: [UInt8]
    private let signature: [UInt8]

    static let scheme = Array("bearer ".utf8)
    /// Of the whole field. A user's name has 256 bytes at most, so a token has 600.
    static let maxFieldBytes = 1 << 10
    private static let dot = UInt8(ascii: ".")

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

    /// - Parameter credential: nil: the anonymous user's.
    func isSigned(for credential: Credential?, by key: Secret<[UInt8]>) -> Bool {
        constantTimeEqual(signature, Self.signature(of: claim, credential, key))
    }

    /// - Returns: the token alone, without its scheme.
    static func make(name: [UInt8], end: Int, for credential: Credential?, by key: Secret<[UInt8]>) -> [UInt8] {
        let claim = Hexadecimal.bytes(of: name) + [dot] + Array(String(end).utf8)
        return claim + [dot] + Hexadecimal.bytes(of: signature(of: claim, credential, key))
    }

    private static func signature(of claim: [UInt8], _ credential: Credential?, _ key: Secret<[UInt8]>) -> [UInt8] {
        // The letters tell the kinds apart, and from a claim: it begins with a hexadecimal digit or a dot.
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
    /// Of the value of `Authorization`: whether its scheme is that of tokens (RFC 6750 2.1).
    package var isBearer: Bool {
        count >= BearerToken.scheme.count && zip(self, BearerToken.scheme).allSatisfy { ($0 &- 65 < 26 ? $0 | 0x20 : $0) == $1 }
    }

    /// A token that is longer than any of ours: not worth a hash.
    package var isOversizedBearer: Bool { count > BearerToken.maxFieldBytes && isBearer }
}

extension UserDirectory {
    /// Of a token, in seconds: time for a client to pull an image's manifests and ask again. What it may do is looked up at each use.
    package static let tokenLifetime = 300

    /// - Parameter now: in seconds since 1970.
    /// - Returns: a token that stands for this user in `Authorization: Bearer …`.
    package func token(for principal: Principal, now: Double) -> [UInt8] {
        let end = Int(now.rounded(.up)) + Self.tokenLifetime
        if principal === anonymous { return BearerToken.make(name: [], end: end, for: nil, by: tokenKey) }
        let name = Array(principal.name.utf8)
        return BearerToken.make(name: name, end: end, for: user(name)?.credential, by: tokenKey)
    }

    /// Whose token this is, and when it ends, in seconds since 1970. nil: it is not one of ours, has ended, its user is gone or has another
    /// password, or no tokens are given, since everybody logs in.
    /// - Parameters:
    ///   - field: the value of `Authorization`.
    ///   - now: in seconds since 1970.
    package func login(withToken field: ArraySlice<UInt8>, now: Double) -> (principal: Principal, end: Int)? {
        guard let anonymous, let token = BearerToken(field: field), Double(token.end) > now else { return nil }
        guard !token.name.isEmpty else {
            return token.isSigned(for: nil, by: tokenKey) ? (anonymous, token.end) : nil
        }
        guard let user = user(token.name), token.isSigned(for: user.credential, by: tokenKey) else { return nil }
        return (user.principal, token.end)
    }
}
