/// Why a head or a body is refused. RFC 9112: what two parsers could read differently is an error, never a guess.
package enum HeadError: Error, Sendable, Equatable {
    /// A client that tries TLS first, as docker and podman do: no request.
    case tlsRecord
    case badRequestLine, badStatusLine, badFieldLine, bareLineFeed
    case unsupportedVersion
    case headTooLarge, tooManyFields
    case badHost, foreignTarget, tooManyOptions
    case badContentLength, conflictingFraming, unsupportedTransferEncoding
    case unsupportedExpectation
    case badChunk, badTrailer, trailerTooLarge
    case timedOut

    /// What a server answers before it closes.
    package var status: Int {
        switch self {
        case .headTooLarge, .tooManyFields, .tooManyOptions, .trailerTooLarge: 431
        case .unsupportedVersion: 505
        case .unsupportedTransferEncoding: 501
        case .unsupportedExpectation: 417
        case .timedOut: 408
        default: 400
        }
    }

    /// A sentence for whoever wrote the client.
    package var reason: StaticString {
        switch self {
        case .tlsRecord: "TLS was spoken to a listener of plain HTTP."
        case .badRequestLine: "The request line is not METHOD /path HTTP/1.1 (RFC 9112 3)."
        case .badStatusLine: "The status line is not HTTP/1.1 and three digits (RFC 9112 4)."
        case .badFieldLine: "A header field is not 'Name: value', is folded, or holds a control character (RFC 9112 5)."
        case .bareLineFeed: "A line of the head ends in a bare line feed; CRLF is required (RFC 9112 2.2)."
        case .unsupportedVersion: "Only HTTP/1.1 and HTTP/1.0 are spoken here."
        case .headTooLarge: "The request head is larger than this server reads."
        case .tooManyFields: "The request has more header fields than this server reads."
        case .badHost: "Exactly one valid Host field is required (RFC 9112 3.2)."
        case .foreignTarget: "The request names another host than its Host field: this is no forward proxy (RFC 9112 3.2.2)."
        case .tooManyOptions: "The Connection fields list more than 64 names."
        case .badContentLength: "Content-Length must be one field of decimal digits (RFC 9112 6.3)."
        case .conflictingFraming: "Content-Length and Transfer-Encoding were both sent (RFC 9112 6.3)."
        case .unsupportedTransferEncoding: "The only transfer coding understood is 'chunked', once (RFC 9112 6.1)."
        case .unsupportedExpectation: "The only expectation understood is '100-continue' (RFC 9110 10.1.1)."
        case .badChunk: "The chunked body is malformed (RFC 9112 7.1)."
        case .badTrailer: "A trailer is not 'Name: value', or is one that belongs in the head (RFC 9110 6.5.1)."
        case .trailerTooLarge: "The trailer section is larger than this server reads."
        case .timedOut: "The request head did not arrive in time."
        }
    }
}

/// The bounds of a head. Bytes count the start line, all fields and the empty line.
package struct HeadLimits: Sendable, Equatable {
    package var bytes: Int
    package var fields: Int

    package init(bytes: Int = 32 << 10, fields: Int = 100) { (self.bytes, self.fields) = (bytes, fields) }
}
