import HTTP

/// The target of a request in origin form (RFC 9112 3.2.1), decoded once. A target that another reader, such as the upstream, could
/// take for a different one is rejected here, before any access rule sees it.
package struct RequestTarget: Sendable {
    /// Decoded; `/` separates segments and nothing else does.
    package let path: [UInt8]
    /// As it was sent, without the question mark; empty when there is none.
    package let query: [UInt8]
    /// Split once, as several names are looked up in each request.
    private let parameters: [Parameter]

    private struct Parameter {
        /// `name=value`, encoded.
        let sent: ArraySlice<UInt8>
        /// The name, encoded; the start of `sent`.
        let key: ArraySlice<UInt8>
    }

    /// Why a target is rejected; the description is a sentence for the client.
    package enum Problem: Error, CustomStringConvertible {
        /// Of the path.
        case badEscape, encodedSlash, controlCharacter, dotSegment, emptySegment, longPath
        /// Of the query.
        case repeatedParameter, semicolon, fragment, manyParameters

        /// A sentence for the client.
        package var description: String {
            switch self {
            case .badEscape: "The path contains a percent sign without two hexadecimal digits."
            case .encodedSlash: "The path contains an encoded slash or backslash."
            case .controlCharacter: "The path contains a control character or one outside ASCII."
            case .dotSegment: "The path contains a '.' or '..' segment."
            case .emptySegment: "The path contains an empty segment."
            case .longPath: "The path is longer than \(maxPathBytes) bytes."
            case .fragment: "The query contains a '#', which some parsers take for its end."
            case .manyParameters: "The query has more than \(maxParameters) parameters."
            case .semicolon: "The query contains a semicolon, which some parsers take for the end of a parameter."
            case .repeatedParameter: "A query parameter that is allowed once is repeated."
            }
        }
    }

    /// In bytes, encoded. A repository's name has up to 255 and a reference or an upload's name up to 512, each perhaps as three.
    static let maxPathBytes = 4 << 10
    /// Every look-up compares names with all of them. Clients send four; ECR's own locations hold a handful.
    static let maxParameters = 64

    /// Parameters that decide something. Given twice, two readers could take different ones.
    private static let single = ["mount", "from", "digest", "ns", "n", "last", "artifactType"].map { Array($0.utf8) }

    /// - Parameters:
    ///   - bytes: as sent in the request line.
    ///   - serverParameter: a parameter that the server itself puts into the locations it gives to clients. It may come once. A client that
    ///     appends a query of its own to such a location, with a second `?`, is understood: that `?` is read as `&`.
    /// - Throws: why no endpoint may be looked up for this target.
    package init(_ bytes: ArraySlice<UInt8>, serverParameter: StaticString? = nil) throws(Problem) {
        let end = bytes.firstIndex(of: UInt8(ascii: "?"))
        guard bytes.distance(from: bytes.startIndex, to: end ?? bytes.endIndex) <= Self.maxPathBytes else { throw .longPath }
        path = try Self.decodedPath(bytes[..<(end ?? bytes.endIndex)])
        var query = end.map { Array(bytes[($0 + 1)...]) } ?? []
        // ECR's own locations have no query, so a client written for ECR alone starts a query behind ours.
        if let serverParameter, let mark = query.firstIndex(of: UInt8(ascii: "?")),
            Self.holds(serverParameter.bytes, query[..<mark])
        {
            query[mark] = UInt8(ascii: "&")
        }
        self.query = query
        guard !query.isEmpty else {
            parameters = []
            return
        }
        guard !query.contains(UInt8(ascii: ";")) else { throw .semicolon }
        guard !query.contains(UInt8(ascii: "#")) else { throw .fragment }
        guard query.count(where: { $0 == UInt8(ascii: "&") }) < Self.maxParameters else { throw .manyParameters }
        parameters = query.split(separator: UInt8(ascii: "&")).map {
            Parameter(sent: $0, key: $0.prefix { $0 != UInt8(ascii: "=") })
        }
        for name in Self.single { try checkSingle(name) }
        if let serverParameter { try checkSingle(serverParameter.bytes) }
    }

    private func checkSingle(_ name: some Collection<UInt8>) throws(Problem) {
        guard parameters.count(where: { Self.names($0.key, name) }) < 2 else { throw .repeatedParameter }
    }

    /// Whether an encoded parameter name is this one. A longer one than all escapes would make it is not decoded.
    private static func names(_ key: ArraySlice<UInt8>, _ name: some Collection<UInt8>) -> Bool {
        (name.count...(3 * name.count)).contains(key.count) && decoded(key).elementsEqual(name)
    }

    /// RFC 3986 2.1, and `+` for a space as HTML forms send it. A malformed escape stays as it is: no value that matters equals it.
    private static func decoded(_ bytes: ArraySlice<UInt8>) -> [UInt8] { PercentEncoding.decode(bytes, plusIsSpace: true) }

    /// Whether a query, perhaps with the upstream's parameters in it, has the one of this plain name.
    private static func holds(_ name: some Collection<UInt8>, _ query: ArraySlice<UInt8>) -> Bool {
        query.split(separator: UInt8(ascii: "&"), maxSplits: maxParameters).contains {
            $0.starts(with: name) && $0.dropFirst(name.count).first == UInt8(ascii: "=")
        }
    }

    /// The decoded value of the first parameter of this name; nil when there is none.
    package func parameter(_ name: StaticString) -> [UInt8]? {
        let found = parameters.first { Self.names($0.key, name.bytes) }
        return found.map { Self.decoded($0.sent.dropFirst($0.key.count + 1)) }
    }

    /// The query as it was sent, without the parameters of these names.
    package func query(without names: [StaticString]) -> [UInt8] {
        let kept = parameters.filter { parameter in
            !names.contains { Self.names(parameter.key, $0.bytes) }
        }
        return Array(kept.map(\.sent).joined(separator: [UInt8(ascii: "&")]))
    }

    private static func decodedPath(_ bytes: ArraySlice<UInt8>) throws(Problem) -> [UInt8] {
        var path: [UInt8] = []
        path.reserveCapacity(bytes.count)
        var at = bytes.startIndex
        while at < bytes.endIndex {
            var byte = bytes[at]
            at += 1
            if byte == UInt8(ascii: "%") {
                guard let decoded = PercentEncoding.escapedByte(bytes[at...]) else { throw .badEscape }
                guard decoded != UInt8(ascii: "/"), decoded != UInt8(ascii: "\\") else { throw .encodedSlash }
                byte = decoded
                at += 2
            }
            guard byte > 32, byte < 127 else { throw .controlCharacter }
            path.append(byte)
        }
        try checkSegments(path)
        return path
    }

    /// A trailing slash adds no segment: `/v2/` and `…/uploads/` end with one.
    private static func checkSegments(_ path: [UInt8]) throws(Problem) {
        var start = path.startIndex + 1
        while start < path.endIndex {
            let end = path[start...].firstIndex(of: UInt8(ascii: "/")) ?? path.endIndex
            switch path[start..<end] {
            case []: throw .emptySegment
            case [UInt8(ascii: ".")], [UInt8(ascii: "."), UInt8(ascii: ".")]: throw .dotSegment
            default: start = end + 1
            }
        }
    }
}

extension StaticString {
    fileprivate var bytes: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: utf8Start, count: utf8CodeUnitCount) }
}
