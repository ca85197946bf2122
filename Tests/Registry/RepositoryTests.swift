import Testing

@testable import Registry

struct RepositoryTests {
    @Test(arguments: [
        ("a", true), ("team/app", true), ("a.b_c__d-e--f/0", true), (String(repeating: "a", count: 255), true),
        ("", false), ("A", false), ("a/", false), ("/a", false), ("a//b", false), ("a..b", false), ("a___b", false), ("-a", false),
        ("a-", false),
        ("a/../b", false), ("a b", false), ("ä", false), (String(repeating: "a", count: 256), false),
    ])
    func `a name follows the specification's grammar`(text: String, isName: Bool) { #expect((Repository(text) != nil) == isName) }

    @Test func `a prefix is replaced only at the start, and only when the result is a valid name`() throws {
        let repository = try #require(Repository("team-a/app"))
        #expect(repository.replacing(prefix: Array("team-a/".utf8), with: Array("acme/a/".utf8))?.description == "acme/a/app")
        #expect(repository.replacing(prefix: Array("team-b/".utf8), with: []) == nil)
        #expect(repository.replacing(prefix: Array("team-a".utf8), with: []) == nil)
    }
}
