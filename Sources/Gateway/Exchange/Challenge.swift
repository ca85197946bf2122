import HTTP

/// How a client is asked to log in (RFC 9110 11.6.1).
///
/// Where something may be done without a login, Basic alone will not do: docker and podman ask `/v2/` once, and a 200 there means to them
/// that nobody needs to log in, a Basic challenge that everybody does. A bearer's realm they visit with the login they have, or without.
enum Challenge {
    case basic
    /// - Parameter realm: the address of the token service, `https://registry.example.com/token`.
    case bearer(realm: String)

    var fieldValue: String {
        switch self {
        case .basic: "Basic realm=\"Berth\""
        case .bearer(let realm): "Bearer realm=\"\(realm)\",service=\"Berth\""
        }
    }
}

/// The token service for clients that follow a bearer challenge: the token is the login itself, checked as any other and given back, so
/// nothing is kept and any replica takes it. Who has no login gets that of nobody.
enum TokenService {
    static let path: StaticString = "/token"
    /// base64 of `:`, an empty name and an empty password.
    private static let nobody = Array("Og==".utf8)

    static func isAsked(_ target: ArraySlice<UInt8>) -> Bool {
        target.prefix { $0 != UInt8(ascii: "?") }.elementsEqual(path.utf8Bytes)
    }

    /// - Parameter login: the value of `Authorization`, `Basic …`, which has been checked; nil: there was none.
    static func answer(to login: ArraySlice<UInt8>?) -> [UInt8] {
        // What is base64 needs no escaping; the scheme's blank is the last one.
        let token = login.map { Array($0[(($0.lastIndex(of: 32) ?? $0.startIndex - 1) + 1)...]) } ?? nobody
        return Array("{\"token\":\"".utf8) + token + Array("\",\"access_token\":\"".utf8) + token
            + Array("\",\"expires_in\":300}".utf8)
    }
}
