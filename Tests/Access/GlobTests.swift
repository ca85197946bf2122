import Testing

@testable import Access

struct GlobTests {
    @Test(arguments: [
        ("**", "a/b/c", true), ("*", "a", true), ("*", "a/b", false), ("team-a/**", "team-a/x/y", true),
        ("team-a/**", "team-ab/x", false),
        ("base/*", "base/x", true), ("base/*", "base/x/y", false), ("a*c", "abbc", true), ("**/app", "x/y/app", true),
        ("**/app", "app", false),
        ("*/app-*", "x/app-1", true), ("*/app-*", "x/y/app-1", false), ("a", "a", true), ("a", "ab", false),
    ])
    func `a star matches within a segment, two stars across segments`(pattern: String, name: String, matches: Bool) throws {
        #expect(try #require(Glob(pattern)).matches(Array(name.utf8)) == matches)
    }

    @Test(arguments: [
        ("", "is empty"), ("Team/*", "has characters"), ("a b", "has characters"), ("a?", "has characters"),
        ("tëam", "has characters"),
        ("a:b", "has characters"), ("[a]", "has characters"), ("***", "has more than two stars"),
        ("a/***", "has more than two stars"),
        ("a//b", "has an empty segment"), ("/a", "has an empty segment"), ("a/", "has an empty segment"),
        ("**/", "has an empty segment"),
    ])
    func `a pattern that no name can match is no pattern, and the problem says why`(pattern: String, problem: String) {
        #expect(Glob(pattern) == nil)
        #expect(Glob.problem(with: pattern)?.hasPrefix(problem) == true)
    }

    @Test(arguments: [("**", true), ("*/**", true), ("*", true), ("a*", false), ("*/a", false), ("-", false)])
    func `a pattern of stars and slashes names no repository in particular`(pattern: String, isUnspecific: Bool) throws {
        #expect(try #require(Glob(pattern)).isUnspecific == isUnspecific)
    }

    @Test(arguments: [("team-a/**", "team-a/**"), ("*/x", "*/x"), ("a**b", "a**b")])
    func `a pattern describes itself`(pattern: String, description: String) throws {
        #expect(try #require(Glob(pattern)).description == description)
    }

    /// A matcher that tries everything.
    static func naive(_ pattern: ArraySlice<UInt8>, _ name: ArraySlice<UInt8>) -> Bool {
        guard let first = pattern.first else { return name.isEmpty }
        guard first == UInt8(ascii: "*") else { return name.first == first && naive(pattern.dropFirst(), name.dropFirst()) }
        let rest = pattern.drop { $0 == UInt8(ascii: "*") }
        let isDouble = pattern.count - rest.count > 1
        return (0...name.count).contains { count in
            (isDouble || !name.prefix(count).contains(UInt8(ascii: "/"))) && naive(rest, name.dropFirst(count))
        }
    }

    @Test func `each random pattern matches the names that a slow matcher does`() {
        for _ in 0..<20_000 {
            let pattern = (0..<Int.random(in: 1...7)).map { _ in "ab/*".utf8.randomElement() ?? 0 }
            let name = (0..<Int.random(in: 0...8)).map { _ in "ab/".utf8.randomElement() ?? 0 }
            guard let glob = Glob(String(decoding: pattern, as: UTF8.self)) else { continue }
            #expect(glob.matches(name) == Self.naive(pattern[...], name[...]))
        }
    }
}
