/// The methods that a registry knows (distribution spec, section "Endpoints"). Any other token is `other`.
package enum Method: UInt8, Sendable, CaseIterable {
    case get, head, put, post, patch, delete, options, other

    /// As it is without this, but called directly: from other modules, raw values are compared through witnesses.
    package static func == (one: Self, other: Self) -> Bool { one.rawValue == other.rawValue }

    /// - Parameter token: case-sensitive (RFC 9110 9.1).
    package init(_ token: UnsafeRawBufferPointer) {
        let candidate: Method =
            switch token.count {
            case 3: token[0] == UInt8(ascii: "G") ? .get : .put
            case 4: token[0] == UInt8(ascii: "H") ? .head : .post
            case 5: .patch
            case 6: .delete
            case 7: .options
            default: .other
            }
        self = candidate != .other && equal(token, candidate.token) ? candidate : .other
    }

    /// The method on the wire.
    package var token: StaticString {
        switch self {
        case .get: "GET"
        case .head: "HEAD"
        case .put: "PUT"
        case .post: "POST"
        case .patch: "PATCH"
        case .delete: "DELETE"
        case .options: "OPTIONS"
        case .other: "OTHER"
        }
    }

    /// Sending the request twice has the same effect as sending it once (RFC 9110 9.2.2).
    package var isIdempotent: Bool {
        switch self {
        case .get, .head, .put, .delete, .options: true
        case .post, .patch, .other: false
        }
    }
}
