import HTTP

@testable import Registry

/// A second reader of request targets, which takes everything apart into arrays: slow, and so plain that it can be checked by reading. Describes
/// what it finds, or why it finds nothing.
enum TargetOracle {
    private typealias Bytes = [UInt8]

    private static func text(_ bytes: some Sequence<UInt8>) -> String { String(decoding: Array(bytes), as: UTF8.self) }

    static func description(of target: [UInt8], serverParameter: String) -> String {
        let mark = target.firstIndex(of: UInt8(ascii: "?")) ?? target.count
        guard mark <= RequestTarget.maxPathBytes else { return "longPath" }
        let path: [UInt8]
        switch decoded(Array(target[..<mark])) {
        case .problem(let problem): return problem
        case .path(let found): path = found
        }
        for segment in path.dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).dropLast(1) {
            if let problem = problem(of: text(segment)) { return problem }
        }
        if let last = path.dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).last, !last.isEmpty,
            let problem = problem(of: text(last))
        {
            return problem
        }
        var query = Array(target[mark...].dropFirst())
        if let second = query.firstIndex(of: UInt8(ascii: "?")),
            query[..<second].split(separator: UInt8(ascii: "&")).prefix(64).contains(where: {
                text($0).utf8.starts(with: "\(serverParameter)=".utf8)
            })
        {
            query[second] = UInt8(ascii: "&")
        }
        if query.contains(UInt8(ascii: ";")) { return "semicolon" }
        if query.contains(UInt8(ascii: "#")) { return "fragment" }
        if query.count(where: { $0 == UInt8(ascii: "&") }) >= 64 { return "manyParameters" }
        let parameters = query.split(separator: UInt8(ascii: "&")).map { pair in
            let key = pair.prefix { $0 != UInt8(ascii: "=") }
            return (
                sent: Array(pair), key: PercentEncoding.decode(key, plusIsSpace: true),
                value: PercentEncoding.decode(pair.dropFirst(key.count + 1), plusIsSpace: true)
            )
        }
        let names = ["mount", "from", "digest", "ns", "n", "last", "artifactType", serverParameter]
        for name in names where parameters.count(where: { $0.key == Array(name.utf8) }) > 1 { return "repeatedParameter" }
        let values = names.map { name in parameters.first { $0.key == Array(name.utf8) }.map { Array($0.value) } }
        let kept = parameters.filter { $0.key != Array("ns".utf8) && $0.key != Array("from".utf8) }.map(\.sent)
        return "\(path) \(query) \(values) \(Array(kept.joined(separator: [UInt8(ascii: "&")]))) \(endpoint(path))"
    }

    private enum Decoded {
        case path([UInt8])
        case problem(String)
    }

    private static func decoded(_ sent: [UInt8]) -> Decoded {
        var path: [UInt8] = [], rest = sent[...]
        while var byte = rest.popFirst() {
            if byte == UInt8(ascii: "%") {
                let digits = rest.prefix(2)
                guard digits.count == 2, digits.allSatisfy({ Character(UnicodeScalar($0)).isASCII }),
                    !digits.contains(UInt8(ascii: "+")), !digits.contains(UInt8(ascii: "-")),
                    let value = UInt8(text(digits), radix: 16)
                else { return .problem("badEscape") }
                if value == UInt8(ascii: "/") || value == UInt8(ascii: "\\") { return .problem("encodedSlash") }
                byte = value
                rest = rest.dropFirst(2)
            }
            guard (33...126).contains(byte) else { return .problem("controlCharacter") }
            path.append(byte)
        }
        return .path(path)
    }

    private static func problem(of segment: String) -> String? {
        switch segment {
        case "": "emptySegment"
        case ".", "..": "dotSegment"
        default: nil
        }
    }

    /// By the paths of the specification.
    private static func endpoint(_ path: [UInt8]) -> String {
        let path = text(path)
        if path == "/v2" || path == "/v2/" { return "ping" }
        if path == "/v2/_catalog" { return "catalog" }
        guard path.hasPrefix("/v2/") else { return "NAME_UNKNOWN" }
        let segments = path.dropFirst(4).split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard segments.count >= 3, let last = segments.last else { return "NAME_UNKNOWN" }
        func named(_ count: Int, _ rest: String) -> String {
            let name = segments.dropLast(count)
            guard !name.isEmpty, name.joined(separator: "/").utf8.count <= 255, name.allSatisfy(isComponent) else {
                return "NAME_INVALID"
            }
            return "\(name.joined(separator: "/")) \(rest)"
        }
        let isDigest = isDigest(last)
        switch (segments[segments.count - 3], segments[segments.count - 2], last) {
        case (_, "tags", "list"): return named(2, "tags")
        case (_, "manifests", _):
            if isDigest { return named(2, "manifest by digest \(last)") }
            let isTag = last.utf8.count <= 128 && last.allSatisfy { isAlphanumeric($0) || "._-".contains($0) }
            guard isTag, let first = last.first, first != ".", first != "-" else { return "TAG_INVALID" }
            return named(2, "manifest by tag \(last)")
        case ("blobs", "uploads", ""): return named(3, "uploads")
        case (_, "blobs", "uploads"): return named(2, "uploads")
        case ("blobs", "uploads", _):
            let isSession = last.utf8.count <= 512 && last.allSatisfy { isAlphanumeric($0) || "._~=-".contains($0) }
            return isSession ? named(3, "upload \(last)") : "BLOB_UPLOAD_UNKNOWN"
        case (_, "blobs", _): return isDigest ? named(2, "blob \(last)") : "DIGEST_INVALID"
        case (_, "referrers", _): return isDigest ? named(2, "referrers \(last)") : "DIGEST_INVALID"
        default: return "NAME_UNKNOWN"
        }
    }

    private static func isAlphanumeric(_ character: Character) -> Bool {
        ("a"..."z").contains(character) || ("A"..."Z").contains(character) || ("0"..."9").contains(character)
    }

    private static func isDigest(_ text: String) -> Bool {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let length = ["sha256": 64, "sha512": 128][parts[0]] else { return false }
        return parts[1].utf8.count == length && parts[1].allSatisfy("0123456789abcdef".contains)
    }

    /// Lower-case letters and digits, and between them `.`, `_`, `__` or dashes.
    private static func isComponent(_ text: String) -> Bool {
        func isLetter(_ character: Character) -> Bool { isAlphanumeric(character) && !character.isUppercase }
        guard let first = text.first, let last = text.last, isLetter(first), isLetter(last) else { return false }
        return text.split(whereSeparator: isLetter).allSatisfy {
            [".", "_", "__"].contains($0) || $0.allSatisfy { $0 == "-" }
        }
    }
}
