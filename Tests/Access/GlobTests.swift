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

    @Test(arguments: ["", "Team/*", "a b", "a?", "tëam", "a:b", "[a]"])
    func `a pattern with characters that no name has is no pattern`(pattern: String) { #expect(Glob(pattern) == nil) }

    @Test(arguments: [("**", true), ("*/**", true), ("***", true), ("*", true), ("a*", false), ("*/a", false), ("-", false)])
    func `a pattern of stars and slashes names no repository in particular`(pattern: String, isUnspecific: Bool) throws {
        #expect(try #require(Glob(pattern)).isUnspecific == isUnspecific)
    }

    @Test(arguments: [("team-a/**", "team-a/**"), ("*/x", "*/x"), ("a****b", "a**b")])
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

    @Test func `each random pattern matches the names that a slow matcher does`() throws {
        for _ in 0..<20_000 {
            let pattern = (0..<Int.random(in: 1...7)).map { _ in "ab/*".utf8.randomElement() ?? 0 }
            let name = (0..<Int.random(in: 0...8)).map { _ in "ab/".utf8.randomElement() ?? 0 }
            let glob = try #require(Glob(String(decoding: pattern, as: UTF8.self)))
            #expect(glob.matches(name) == Self.naive(pattern[...], name[...]))
        }
    }
}
