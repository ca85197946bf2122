import TestSupport
import Testing

@testable import Registry

/// Compares the reader of request targets with a second one on many targets: valid ones, and valid ones with a few bytes changed.
struct TargetPropertyTests {
    private static let sha256 = "sha256:" + String(repeating: "0a", count: 32)
    private static let sha512 = "sha512:" + String(repeating: "f9", count: 64)
    private static let names = [
        "a", "team/app", "blobs", "a/manifests/b", "a__b/c---d.e", "blobs/uploads", String(repeating: "n", count: 255),
    ]
    private static let ends = [
        "tags/list", "manifests/latest", "manifests/" + sha256, "manifests/" + sha512, "blobs/" + sha256, "blobs/uploads/",
        "blobs/uploads",
        "blobs/uploads/0b1c-._~=", "referrers/" + sha256, "manifests/" + String(repeating: "t", count: 128),
    ]
    private static let queries = [
        "", "", "", "?", "?n=1&last=x", "?ns=docker.io", "?digest=" + sha256, "?mount=" + sha256 + "&from=b", "?_state=x&_own=1",
        "?_own=1?digest=x", "?%6es=x&ns=y", "?a&&b=c=d&=", "?artifactType=a%2fb+c",
    ]
    private static let bytes = Array("/%?&=;#.-_~:+\\ azAZ09fgs2e5\u{7f}\u{0}".utf8) + [0x80, 0xff]

    private static func target(_ generator: inout Seeded) -> [UInt8] {
        let name = names.randomElement(using: &generator) ?? "", end = ends.randomElement(using: &generator) ?? ""
        let path = ["/v2/\(name)/\(end)", "/v2/\(name)/\(end)", "/v2/\(name)/\(end)", "/v2/", "/v2/_catalog", "/v2", "/"]
        var target = Array(((path.randomElement(using: &generator) ?? "") + (queries.randomElement(using: &generator) ?? "")).utf8)
        for _ in 0..<Int.random(in: 0...3, using: &generator) {
            let at = Int.random(in: 0...target.count, using: &generator)
            let some = bytes.randomElement(using: &generator) ?? 0
            switch Int.random(in: 0..<5, using: &generator) {
            case 0: target.insert(some, at: at)
            case 1 where at < target.count: target[at] = some
            case 2 where at < target.count: target.remove(at: at)
            // A byte becomes its escape.
            case 3 where at < target.count:
                let digits = Array("0123456789abcdefABCDEF".utf8), byte = target[at]
                target.replaceSubrange(at...at, with: [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]])
            default: target.replaceSubrange(at..., with: target[..<at].suffix(Int.random(in: 0...9, using: &generator)))
            }
        }
        return target
    }

    private static func description(_ bytes: [UInt8]) -> String {
        // Not at the start of its memory, as in a request.
        let target: RequestTarget
        do {
            target = try RequestTarget(
                (Array("GET ".utf8) + bytes + Array(" HTTP/1.1".utf8))[4..<(4 + bytes.count)], serverParameter: "_own")
        } catch { return describe(error) }
        let names: [StaticString] = ["mount", "from", "digest", "ns", "n", "last", "artifactType", "_own"]
        let values = names.map { target.parameter($0) }, kept = target.query(without: ["ns", "from"])
        return "\(Array(target.path)) \(Array(target.query)) \(values) \(kept) \(endpoint(target.path))"
    }

    private static func describe(_ problem: RequestTarget.Problem) -> String {
        switch problem {
        case .badEscape: "badEscape"
        case .encodedSlash: "encodedSlash"
        case .controlCharacter: "controlCharacter"
        case .dotSegment: "dotSegment"
        case .emptySegment: "emptySegment"
        case .longPath: "longPath"
        case .repeatedParameter: "repeatedParameter"
        case .semicolon: "semicolon"
        case .fragment: "fragment"
        case .manyParameters: "manyParameters"
        }
    }

    private static func endpoint(_ path: ArraySlice<UInt8>) -> String {
        do {
            switch try Endpoint(path: path) {
            case .ping: return "ping"
            case .catalog: return "catalog"
            case .tags(let name): return "\(name) tags"
            case .manifest(let name, .tag(let tag)): return "\(name) manifest by tag \(tag)"
            case .manifest(let name, .digest(let digest)): return "\(name) manifest by digest \(digest)"
            case .blob(let name, let digest): return "\(name) blob \(digest)"
            case .uploads(let name): return "\(name) uploads"
            case .upload(let name, let session): return "\(name) upload \(String(decoding: session, as: UTF8.self))"
            case .referrers(let name, let digest): return "\(name) referrers \(digest)"
            }
        } catch { return error.code.rawValue }
    }

    @Test(arguments: 1...8) func `two readers find the same in any target`(seed: Int) {
        var generator = Seeded(UInt64(seed)), differences = 0
        for _ in 0..<12_500 where differences < 3 {
            let target = Self.target(&generator)
            let (found, expected) = (Self.description(target), TargetOracle.description(of: target, serverParameter: "_own"))
            if found != expected {
                differences += 1
                Issue.record("\(String(decoding: target, as: UTF8.self)): \(found), not \(expected)")
            }
        }
    }

    @Test func `the generated targets cover endpoints and problems`() {
        var generator = Seeded(0), kinds: [String: Int] = [:]
        for _ in 0..<5000 {
            let description = Self.description(Self.target(&generator))
            kinds[
                description.split(separator: " ").last(where: { $0.allSatisfy { $0.isLetter || $0 == "_" } }).map(String.init)
                    ?? "other", default: 0] += 1
        }
        #expect(kinds.count > 12, "\(kinds)")
    }
}
