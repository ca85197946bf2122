import Access
import Foundation
import HTTP

/// The token service for clients that follow a bearer challenge. It gives a token for the login that is sent, and without one the anonymous
/// user's. Nothing is kept: a token proves itself, to each replica that has the key.
enum TokenService {
    static let path: StaticString = "/token"

    static func isAsked(_ target: ArraySlice<UInt8>) -> Bool {
        target.prefix { $0 != UInt8(ascii: "?") }.elementsEqual(path.utf8Bytes)
    }

    /// Seconds since 1970: what a token's end is compared with, on whatever replica.
    static var now: Double { Date().timeIntervalSince1970 }

    /// - Parameter token: of characters that JSON takes as they are.
    static func body(_ token: [UInt8]) -> [UInt8] {
        Array("{\"token\":\"".utf8) + token + Array("\",\"access_token\":\"".utf8) + token
            + Array("\",\"expires_in\":\(UserDirectory.tokenLifetime)}".utf8)
    }
}
