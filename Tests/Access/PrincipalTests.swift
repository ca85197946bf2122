import Registry
import Testing

@testable import Access

struct PrincipalTests {
    @Test func `the catalog is allowed to a user who may list any repository`() throws {
        let some = Principal(name: "a", rules: [AccessRule(repositories: [glob("team-a/**")], actions: [.list, .pull])])
        let mine = try #require(Repository("team-a/x"))
        let other = Principal(name: "b", rules: [AccessRule(repositories: [.everything], actions: [.pull])])
        let place = Place(host: nil, namespace: nil)
        #expect(some.may(anyOf: [.list], on: nil, at: place) && !other.may(anyOf: [.list], on: nil, at: place))
        #expect(some.may(anyOf: [.push, .pull], on: mine, at: place))
        #expect(!some.may(anyOf: [.push], on: mine, at: place))
    }
}
