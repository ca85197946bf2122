/// Why a head or a body is refused. Whatever two parsers could read differently is an error, never a guess (RFC 9112).
package enum HeadError: Error, Sendable, Equatable {
    /// A TLS record instead of a request: docker and podman try TLS first.
    case tlsRecord
    case badRequestLine, badStatusLine, badFieldLine, bareLineFeed
    case unsupportedVersion
    case headTooLarge, tooManyFields
    case badHost, foreignTarget, tooManyOptions
    case badContentLength, conflictingFraming, unsupportedTransferEncoding
    case unsupportedExpectation
    case badChunk, badTrailer, trailerTooLarge
    case timedOut

    /// The status of the response after which the server closes.
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

    /// A sentence for the author of the client: the response's text.
    package var reason: StaticString {
        switch self {
        case .tlsRecord: "The client began a TLS handshake on a plain HTTP listener."
        case .badRequestLine: "The request line is not METHOD /path HTTP/1.1 (RFC 9112 3)."
        case .badStatusLine: "The status line is not HTTP/1.1 and three digits (RFC 9112 4)."
        case .badFieldLine: "A header field is not 'Name: value', is folded, or holds a control character (RFC 9112 5)."
        case .bareLineFeed: "A line of the head ends in a bare line feed; CRLF is required (RFC 9112 2.2)."
        case .unsupportedVersion: "Only HTTP/1.1 and HTTP/1.0 are supported."
        case .headTooLarge: "The request head is larger than this server accepts."
        case .tooManyFields: "The request has more header fields than this server accepts."
        case .badHost: "Exactly one valid Host field is required (RFC 9112 3.2)."
        case .foreignTarget:
            "The request target names another host than the Host field; this server is not a forward proxy (RFC 9112 3.2.2)."
        case .tooManyOptions: "The Connection fields list more than 64 names."
        case .badContentLength: "Content-Length must be one field of decimal digits (RFC 9112 6.3)."
        case .conflictingFraming: "Content-Length and Transfer-Encoding were both sent (RFC 9112 6.3)."
        case .unsupportedTransferEncoding: "The only transfer coding supported is 'chunked', once (RFC 9112 6.1)."
        case .unsupportedExpectation: "The only expectation supported is '100-continue' (RFC 9110 10.1.1)."
        case .badChunk: "The chunked body is malformed (RFC 9112 7.1)."
        case .badTrailer: "A trailer is not 'Name: value', or is one that belongs in the head (RFC 9110 6.5.1)."
        case .trailerTooLarge: "The trailer section is larger than this server accepts."
        case .timedOut: "The request head did not arrive in time."
        }
    }
}

/// The bounds of a head.
package struct HeadLimits: Sendable, Equatable {
    /// Bytes of the start line, all fields and the empty line.
    package var bytes: Int
    /// Field lines.
    package var fields: Int

    /// The defaults of the configuration file.
    package init(bytes: Int = 32 << 10, fields: Int = 100) { (self.bytes, self.fields) = (bytes, fields) }
}
