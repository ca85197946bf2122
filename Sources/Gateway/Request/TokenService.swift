import Access
import FoundationEssentials
import HTTP

/// The token service for clients that follow a bearer challenge. It gives a token for the login that is sent; without credentials, the
/// anonymous user's token. It keeps no state: each replica that has the key can verify a token.
enum TokenService {
    static let path: StaticString = "/token"

    /// Whether a request target is the token service's.
    static func serves(_ target: ArraySlice<UInt8>) -> Bool {
        target.prefix { $0 != UInt8(ascii: "?") }.elementsEqual(path.utf8Bytes)
    }

    /// Seconds since 1970, comparable between replicas.
    static var now: Double { Date().timeIntervalSince1970 }

    /// - Parameter token: of characters that JSON takes unescaped.
    static func body(_ token: [UInt8]) -> [UInt8] {
        Array("{\"token\":\"".utf8) + token + Array("\",\"access_token\":\"".utf8) + token
            + Array("\",\"expires_in\":\(UserDirectory.tokenLifetime)}".utf8)
    }
}
