/// The methods a registry knows (distribution spec, section "Endpoints"); any other token is `other`.
package enum Method: UInt8, Sendable, CaseIterable {
    case get, head, put, post, patch, delete, options, other

    package init(_ token: UnsafeRawBufferPointer) {
        self = Self.allCases.first { $0 != .other && token.elementsEqual($0.token.utf8Bytes) } ?? .other
    }

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

    /// RFC 9110 9.2.2: sending it twice does no more than sending it once.
    package var isIdempotent: Bool {
        switch self {
        case .get, .head, .put, .delete, .options: true
        case .post, .patch, .other: false
        }
    }
}

extension StaticString {
    /// The literal's bytes, where they lie.
    @inlinable package var utf8Bytes: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: utf8Start, count: utf8CodeUnitCount) }
}
