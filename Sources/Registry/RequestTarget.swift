import HTTP

/// The target of a request in origin form (RFC 9112 3.2.1), decoded once. A target that another reader, such as the upstream, could
/// take for a different one is rejected here, before any access rule sees it.
///
/// Shares the memory of what it was made of, unless the path has escapes.
package struct RequestTarget: Sendable {
    /// Decoded; `/` separates segments and nothing else does.
    package let path: ArraySlice<UInt8>
    /// As it was sent, without the question mark; empty when there is none.
    package let query: ArraySlice<UInt8>

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

    /// - Parameters:
    ///   - bytes: as sent in the request line.
    ///   - serverParameter: a parameter that the server itself puts into the locations it gives to clients. It may come once. A client that
    ///     appends a query of its own to such a location, with a second `?`, is understood: that `?` is read as `&`.
    /// - Throws: why no endpoint may be looked up for this target.
    package init(_ bytes: ArraySlice<UInt8>, serverParameter: StaticString? = nil) throws(Problem) {
        let (mark, isPlain) = bytes.withUnsafeBufferPointer { bytes in
            let text = RawText(bytes), mark = text.position(of: UInt8(ascii: "?")) ?? text.count
            return (mark, Self.isPlain(text.prefix(mark)))
        }
        guard mark <= Self.maxPathBytes else { throw .longPath }
        let end = bytes.startIndex + mark
        path = isPlain ? bytes[..<end] : try Self.decodedPath(bytes[..<end])[...]
        try path.withUnsafeBufferPointer { path throws(Problem) in try Self.checkSegments(RawText(path)) }
        guard end < bytes.endIndex, end + 1 < bytes.endIndex else {
            query = []
            return
        }
        query = Self.joined(bytes[(end + 1)...], behind: serverParameter)
        try query.withUnsafeBufferPointer { query throws(Problem) in try Self.check(RawText(query), serverParameter) }
    }

    // MARK: Path

    /// The path has no escapes, and no byte that is not allowed.
    private static func isPlain(_ path: RawText) -> Bool {
        path.allWords(filler: 0x6161_6161_6161_6161) { word in
            let low = word & 0x7f7f_7f7f_7f7f_7f7f
            // The high bit of each byte tells. Additions carry nothing into the next byte, since its high bit is clear.
            let isPrintable = (low &+ 0x5f5f_5f5f_5f5f_5f5f) & ~(low &+ 0x0101_0101_0101_0101)
            let isNoEscape = (low ^ 0x2525_2525_2525_2525) &+ 0x7f7f_7f7f_7f7f_7f7f
            return isPrintable & isNoEscape & ~word & 0x8080_8080_8080_8080 == 0x8080_8080_8080_8080
        }
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
        return path
    }

    /// A trailing slash adds no segment: `/v2/` and `…/uploads/` end with one.
    private static func checkSegments(_ path: RawText) throws(Problem) {
        let dot = UInt8(ascii: ".")
        var start = 1
        while start < path.count {
            let length = path.dropFirst(start).position(of: UInt8(ascii: "/")) ?? path.count - start
            switch length {
            case 0: throw .emptySegment
            case 1 where path[start] == dot: throw .dotSegment
            case 2 where path[start] == dot && path[start + 1] == dot: throw .dotSegment
            default: start += length + 1
            }
        }
    }

    // MARK: Query

    /// ECR's own locations have no query, so a client written for ECR alone starts a query behind ours.
    private static func joined(_ query: ArraySlice<UInt8>, behind serverParameter: StaticString?) -> ArraySlice<UInt8> {
        guard let serverParameter, let mark = query.firstIndex(of: UInt8(ascii: "?")), holds(serverParameter, query[..<mark]) else {
            return query
        }
        var joined = Array(query)
        joined[mark - query.startIndex] = UInt8(ascii: "&")
        return joined[...]
    }

    /// Whether a query, perhaps with the upstream's parameters in it, has the one of this plain name.
    private static func holds(_ name: StaticString, _ query: ArraySlice<UInt8>) -> Bool {
        query.split(separator: UInt8(ascii: "&"), maxSplits: maxParameters).contains {
            $0.starts(with: name.utf8Bytes) && $0.dropFirst(name.utf8CodeUnitCount).first == UInt8(ascii: "=")
        }
    }

    private static func check(_ query: RawText, _ serverParameter: StaticString?) throws(Problem) {
        guard query.position(of: UInt8(ascii: ";")) == nil else { throw .semicolon }
        guard query.position(of: UInt8(ascii: "#")) == nil else { throw .fragment }
        var ampersands = 0
        for at in 0..<query.count where query[at] == UInt8(ascii: "&") { ampersands += 1 }
        guard ampersands < maxParameters else { throw .manyParameters }
        // A bit for each parameter that may come once.
        var seen: UInt8 = 0, rest = query
        while let parameter = Parameter(first: &rest) {
            let bit = single(parameter, serverParameter)
            guard seen & bit == 0 else { throw .repeatedParameter }
            seen |= bit
        }
    }

    /// A bit of a parameter that decides something: given twice, two readers could take different ones. 0: it may be repeated.
    private static func single(_ parameter: Parameter, _ serverParameter: StaticString?) -> UInt8 {
        if parameter.isNamed("ns") { return 1 }
        if parameter.isNamed("digest") { return 2 }
        if parameter.isNamed("mount") { return 4 }
        if parameter.isNamed("from") { return 8 }
        if parameter.isNamed("n") { return 16 }
        if parameter.isNamed("last") { return 32 }
        if parameter.isNamed("artifactType") { return 64 }
        if let serverParameter, parameter.isNamed(serverParameter) { return 128 }
        return 0
    }

    /// A parameter as it was sent.
    private struct Parameter {
        /// `name=value`, encoded.
        let sent: RawText
        /// The name, encoded: the start of `sent`.
        private let key: RawText
        private let isEncoded: Bool

        /// Takes the first parameter; nil: there is none. An empty one is none.
        init?(first rest: inout RawText) {
            while !rest.isEmpty, rest[0] == UInt8(ascii: "&") { rest = rest.dropFirst(1) }
            guard !rest.isEmpty else { return nil }
            let length = rest.position(of: UInt8(ascii: "&")) ?? rest.count
            sent = rest.prefix(length)
            rest = rest.dropFirst(length)
            key = sent.prefix(sent.position(of: UInt8(ascii: "=")) ?? length)
            isEncoded = key.position(of: UInt8(ascii: "%")) != nil
        }

        /// The value, encoded: the end of `sent`.
        var value: RawText { sent.dropFirst(min(key.count + 1, sent.count)) }

        @inline(__always)
        func isNamed(_ name: StaticString) -> Bool { isEncoded ? isDecoded(name) : key.equals(name) }

        /// A malformed escape stays as it is: no name that matters has a percent sign.
        private func isDecoded(_ name: StaticString) -> Bool {
            var at = 0
            for index in 0..<name.utf8CodeUnitCount {
                guard at < key.count else { return false }
                var byte = key[at]
                at += 1
                if byte == UInt8(ascii: "%"), at + 2 <= key.count,
                    let decoded = PercentEncoding.escapedByte(key[at], key[at + 1])
                {
                    byte = decoded
                    at += 2
                }
                guard byte == name.utf8Start[index] else { return false }
            }
            return at == key.count
        }
    }

    /// The decoded value of the first parameter of this name; nil when there is none. RFC 3986 2.1, and `+` for a space as HTML forms send it. A
    /// malformed escape stays as it is: no value that matters equals it.
    package func parameter(_ name: StaticString) -> [UInt8]? {
        guard !query.isEmpty else { return nil }
        return query.withUnsafeBufferPointer { query in
            var rest = RawText(query)
            while let parameter = Parameter(first: &rest) {
                if parameter.isNamed(name) { return PercentEncoding.decode(parameter.value.copied[...], plusIsSpace: true) }
            }
            return nil
        }
    }

    /// The query as it was sent, without the parameters of these names.
    package func query(without names: [StaticString]) -> [UInt8] {
        query.withUnsafeBufferPointer { query in
            var kept: [UInt8] = []
            kept.reserveCapacity(query.count)
            var rest = RawText(query)
            while let parameter = Parameter(first: &rest) {
                if names.contains(where: { parameter.isNamed($0) }) { continue }
                if !kept.isEmpty { kept.append(UInt8(ascii: "&")) }
                kept += parameter.sent.copied
            }
            return kept
        }
    }
}
