/// The target of a request in origin form (RFC 9112 3.2.1), decoded once. What could be read as another path by somebody behind
/// us is refused here, and never reaches a rule.
package struct RequestTarget: Sendable {
    /// Decoded; `/` separates segments and nothing else does.
    package let path: [UInt8]
    /// As it was sent, without the question mark; empty when there is none.
    package let query: [UInt8]
    /// Found once: they are asked for by many names.
    private let parameters: [Parameter]

    /// As it was sent, and its name in that.
    private struct Parameter { let sent: ArraySlice<UInt8>, key: ArraySlice<UInt8> }

    package enum Problem: Error, CustomStringConvertible {
        case badEscape, encodedSlash, controlCharacter, dotSegment, emptySegment, longPath
        case repeatedParameter, semicolon, fragment, manyParameters

        package var description: String {
            switch self {
            case .badEscape: "The path holds a percent sign without two hexadecimal digits."
            case .encodedSlash: "The path holds an encoded slash or backslash."
            case .controlCharacter: "The path holds a control character or one outside ASCII."
            case .dotSegment: "The path holds a '.' or '..' segment."
            case .emptySegment: "The path holds an empty segment."
            case .longPath: "The path is longer than \(maxPathBytes) bytes."
            case .fragment: "The query holds a '#', which some read as its end."
            case .manyParameters: "The query has more than \(maxParameters) parameters."
            case .semicolon: "The query holds a semicolon, which some read as the end of a parameter."
            case .repeatedParameter: "A query parameter that may come once came twice."
            }
        }
    }

    /// Bytes as sent. A repository's name has 255, a reference or an upload's name 512, each perhaps as three.
    static let maxPathBytes = 4 << 10
    /// Each is looked at by its name, several times. Clients send four; ECR's own locations hold a handful.
    static let maxParameters = 64

    /// Parameters that something is decided by: with two of one name, two readers could take different ones.
    private static let single = ["mount", "from", "digest", "ns", "n", "last", "artifactType", "_berth"].map { Array($0.utf8) }

    package init(_ bytes: ArraySlice<UInt8>) throws(Problem) {
        let end = bytes.firstIndex(of: UInt8(ascii: "?"))
        guard bytes.distance(from: bytes.startIndex, to: end ?? bytes.endIndex) <= Self.maxPathBytes else { throw .longPath }
        path = try Self.decodedPath(bytes[..<(end ?? bytes.endIndex)])
        var query = end.map { Array(bytes[($0 + 1)...]) } ?? []
        // A tool that knows ECR alone has never seen a query in a Location, and begins one of its own behind ours.
        if let mark = query.firstIndex(of: UInt8(ascii: "?")), Self.hasState(query[..<mark]) {
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
        var seen: [Int] = []
        for parameter in parameters {
            guard let name = Self.single.firstIndex(where: { Self.names(parameter.key, $0) }) else { continue }
            guard !seen.contains(name) else { throw .repeatedParameter }
            seen.append(name)
        }
    }

    /// Whether a parameter's name, as it was sent, is this one. What is too long for it is not decoded to be told.
    private static func names(_ key: ArraySlice<UInt8>, _ name: some Collection<UInt8>) -> Bool {
        (name.count...(3 * name.count)).contains(key.count) && decodedParameter(key).elementsEqual(name)
    }

    /// It holds Berth's own parameter, perhaps behind what the upstream keeps there.
    private static func hasState(_ query: ArraySlice<UInt8>) -> Bool {
        query.split(separator: UInt8(ascii: "&"), maxSplits: maxParameters).contains { $0.starts(with: "_berth=".utf8) }
    }

    /// The decoded value of the first parameter of this name; nil when there is none.
    package func parameter(_ name: StaticString) -> [UInt8]? {
        let wanted = UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
        let found = parameters.first { Self.names($0.key, wanted) }
        return found.map { Self.decodedParameter($0.sent.dropFirst($0.key.count + 1)) }
    }

    /// The query as it was sent, less the parameters of these names (containerd's `ns` is for Berth alone).
    package func query(without names: [StaticString]) -> [UInt8] {
        let kept = parameters.filter { parameter in
            !names.contains { Self.names(parameter.key, UnsafeBufferPointer(start: $0.utf8Start, count: $0.utf8CodeUnitCount)) }
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
                guard let decoded = escape(bytes[at...]) else { throw .badEscape }
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

    /// A trailing slash is no segment: `/v2/` and `…/uploads/` end with one.
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

    /// RFC 3986 2.1, and `+` for a blank as forms send it. What is malformed stays as it is: it equals no value that counts.
    private static func decodedParameter(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        var decoded: [UInt8] = []
        var at = bytes.startIndex
        while at < bytes.endIndex {
            let byte = bytes[at]
            at += 1
            if byte == UInt8(ascii: "%"), let value = escape(bytes[at...]) {
                decoded.append(value)
                at += 2
            } else {
                decoded.append(byte == UInt8(ascii: "+") ? 32 : byte)
            }
        }
        return decoded
    }

    private static func escape(_ rest: ArraySlice<UInt8>) -> UInt8? {
        var digits = rest.prefix(2).makeIterator()
        guard let high = digits.next().flatMap(hexadecimal), let low = digits.next().flatMap(hexadecimal) else { return nil }
        return high << 4 | low
    }

    private static func hexadecimal(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 48...57: byte - 48
        case 65...70: byte - 55
        case 97...102: byte - 87
        default: nil
        }
    }
}
