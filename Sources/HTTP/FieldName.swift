import Glibc

/// The fields that some code decides by. All others are `other` and pass unchanged.
package enum FieldName: UInt8, Sendable, CaseIterable {
    case other
    case acceptEncoding, authorization, connection, contentEncoding, contentLength, contentRange, contentType, date,
        dockerContentDigest, dockerUploadUUID, expect
    case forwarded, host, keepAlive, link, location, proxyAuthenticate, proxyAuthorization, proxyConnection, range, retryAfter,
        server
    case te, traceparent, tracestate, trailer, transferEncoding, upgrade, wwwAuthenticate, xForwardedFor, xForwardedHost,
        xForwardedProto

    /// As it is without this, but called directly: from other modules, raw values are compared through witnesses.
    package static func == (one: Self, other: Self) -> Bool { one.rawValue == other.rawValue }

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

    /// Bytes of the longest name, with its colon.
    static let maxLength = 24

    /// - Parameter token: a field's name, in any case.
    package init(_ token: UnsafeRawBufferPointer) {
        self = .other
        guard let first = token.first, token.count < Self.maxLength else { return }
        let candidate = Self.candidate(length: token.count, first: first | 0x20)
        if equalIgnoringCase(token, candidate.lowercased) { self = candidate }
    }

    /// The only name of a length that begins with a letter: one comparison then decides, for every field of every head.
    private static func candidate(length: Int, first: UInt8) -> FieldName {
        switch (length, first) {
        case (2, UInt8(ascii: "t")): .te
        case (4, UInt8(ascii: "d")): .date
        case (4, UInt8(ascii: "h")): .host
        case (4, UInt8(ascii: "l")): .link
        case (5, UInt8(ascii: "r")): .range
        case (6, UInt8(ascii: "e")): .expect
        case (6, UInt8(ascii: "s")): .server
        case (7, UInt8(ascii: "t")): .trailer
        case (7, UInt8(ascii: "u")): .upgrade
        case (8, UInt8(ascii: "l")): .location
        case (9, UInt8(ascii: "f")): .forwarded
        case (10, UInt8(ascii: "c")): .connection
        case (10, UInt8(ascii: "k")): .keepAlive
        case (10, UInt8(ascii: "t")): .tracestate
        case (11, UInt8(ascii: "r")): .retryAfter
        case (11, UInt8(ascii: "t")): .traceparent
        case (12, UInt8(ascii: "c")): .contentType
        case (13, UInt8(ascii: "a")): .authorization
        case (13, UInt8(ascii: "c")): .contentRange
        case (14, UInt8(ascii: "c")): .contentLength
        case (15, UInt8(ascii: "a")): .acceptEncoding
        case (15, UInt8(ascii: "x")): .xForwardedFor
        case (16, UInt8(ascii: "c")): .contentEncoding
        case (16, UInt8(ascii: "p")): .proxyConnection
        case (16, UInt8(ascii: "w")): .wwwAuthenticate
        case (16, UInt8(ascii: "x")): .xForwardedHost
        case (17, UInt8(ascii: "t")): .transferEncoding
        case (17, UInt8(ascii: "x")): .xForwardedProto
        case (18, UInt8(ascii: "d")): .dockerUploadUUID
        case (18, UInt8(ascii: "p")): .proxyAuthenticate
        case (19, UInt8(ascii: "p")): .proxyAuthorization
        case (21, UInt8(ascii: "d")): .dockerContentDigest
        default: .other
        }
    }
}

/// ASCII only; `lowercased` is in lower case. Eight bytes at a time, where there are as many.
func equalIgnoringCase(_ bytes: UnsafeRawBufferPointer, _ lowercased: StaticString) -> Bool {
    let count = lowercased.utf8CodeUnitCount
    guard bytes.count == count, let start = bytes.baseAddress else { return bytes.count == count }
    let expected = UnsafeRawPointer(lowercased.utf8Start)
    guard count >= 8 else {
        for at in 0..<count
        where !isEqual(start.load(fromByteOffset: at, as: UInt8.self), expected.load(fromByteOffset: at, as: UInt8.self)) {
            return false
        }
        return true
    }
    var at = 0
    while true {
        let (word, other) = (
            start.loadUnaligned(fromByteOffset: at, as: UInt64.self), expected.loadUnaligned(fromByteOffset: at, as: UInt64.self)
        )
        guard isEqual(word, other) else { return false }
        // The last eight may overlap those before.
        if at == count &- 8 { return true }
        at = min(at &+ 8, count &- 8)
    }
}

/// Each byte is the expected one, or the same letter in upper case: only letters have both of the bits that this asks for, and differ in one of them.
private func isEqual<Word: FixedWidthInteger & UnsignedInteger>(_ word: Word, _ expected: Word) -> Bool {
    let lowerCase = Word.max / 0xff &* 0x20
    return word | (expected >> 1 & lowerCase) == expected
}

/// In the same case.
func equal(_ bytes: UnsafeRawBufferPointer, _ literal: StaticString) -> Bool {
    guard bytes.count == literal.utf8CodeUnitCount, let start = bytes.baseAddress else {
        return bytes.count == literal.utf8CodeUnitCount
    }
    return memcmp(start, literal.utf8Start, bytes.count) == 0
}
