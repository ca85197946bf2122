/// The fields that some code decides by. All others are `other` and pass unchanged.
package enum FieldName: UInt8, Sendable, CaseIterable {
    case other
    case acceptEncoding, authorization, connection, contentEncoding, contentLength, contentRange, contentType, date,
        dockerContentDigest, dockerUploadUUID, expect
    case forwarded, host, keepAlive, link, location, proxyAuthenticate, proxyAuthorization, proxyConnection, range, retryAfter,
        server
    case te, traceparent, tracestate, trailer, transferEncoding, upgrade, wwwAuthenticate, xForwardedFor, xForwardedHost,
        xForwardedProto

    /// The name on the wire, in lower case; empty for `other`.
    package var lowercased: StaticString {
        switch self {
        case .other: ""
        case .acceptEncoding: "accept-encoding"
        case .authorization: "authorization"
        case .connection: "connection"
        case .contentEncoding: "content-encoding"
        case .contentLength: "content-length"
        case .contentRange: "content-range"
        case .contentType: "content-type"
        case .date: "date"
        case .dockerContentDigest: "docker-content-digest"
        case .dockerUploadUUID: "docker-upload-uuid"
        case .expect: "expect"
        case .forwarded: "forwarded"
        case .host: "host"
        case .keepAlive: "keep-alive"
        case .link: "link"
        case .location: "location"
        case .proxyAuthenticate: "proxy-authenticate"
        case .proxyAuthorization: "proxy-authorization"
        case .proxyConnection: "proxy-connection"
        case .range: "range"
        case .retryAfter: "retry-after"
        case .server: "server"
        case .te: "te"
        case .traceparent: "traceparent"
        case .tracestate: "tracestate"
        case .trailer: "trailer"
        case .transferEncoding: "transfer-encoding"
        case .upgrade: "upgrade"
        case .wwwAuthenticate: "www-authenticate"
        case .xForwardedFor: "x-forwarded-for"
        case .xForwardedHost: "x-forwarded-host"
        case .xForwardedProto: "x-forwarded-proto"
        }
    }

    /// The field is for the next hop only and is never forwarded (RFC 9110 7.6.1).
    package var isHopByHop: Bool {
        switch self {
        case .connection, .keepAlive, .proxyAuthenticate, .proxyAuthorization, .proxyConnection, .te, .trailer, .transferEncoding,
            .upgrade:
            true
        default: false
        }
    }

    /// Candidates by length: a head has a dozen fields, and the length alone rules most of them out.
    private static let byLength: [[FieldName]] = {
        let longest = allCases.map(\.lowercased.utf8CodeUnitCount).max() ?? 0
        var table = [[FieldName]](repeating: [], count: longest + 1)
        for name in allCases where name != .other { table[name.lowercased.utf8CodeUnitCount].append(name) }
        return table
    }()

    /// - Parameter token: a field's name, in any case.
    package init(_ token: UnsafeRawBufferPointer) {
        self = .other
        guard token.count < Self.byLength.count else { return }
        for name in Self.byLength[token.count] where equalIgnoringCase(token, name.lowercased) {
            self = name
            return
        }
    }
}

/// ASCII only; `lowercased` is in lower case.
func equalIgnoringCase(_ bytes: UnsafeRawBufferPointer, _ lowercased: StaticString) -> Bool {
    let expected = lowercased.utf8Bytes
    guard bytes.count == expected.count else { return false }
    for index in 0..<bytes.count {
        let byte = bytes[index]
        let lower = byte &- 65 < 26 ? byte | 0x20 : byte
        if lower != expected[index] { return false }
    }
    return true
}
