import HTTP
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

    static let rules = [
        AccessRule(repositories: [glob("base/*")], actions: [.pull]),
        AccessRule(repositories: [glob("team-a/**")], actions: [.pull, .push]),
        AccessRule(
            repositories: [glob("hub/**")], actions: [.pull], host: HostName("hub.example.com"), namespace: HostName("docker.io")),
    ]

    @Test(arguments: [
        (Action.pull, "base/x", nil, nil, AccessDecision.allowed(rule: 0)),
        (.push, "team-a/x/y", nil, nil, .allowed(rule: 1)),
        (.push, "base/x", nil, nil, .denied(nearest: 0, misses: [.action])),
        (.push, "base/x/y", nil, nil, .denied(nearest: 1, misses: [.repository])),
        (.delete, "team-a/x", nil, nil, .denied(nearest: 1, misses: [.action])),
        (.pull, "hub/x", "hub.example.com", "docker.io", .allowed(rule: 2)),
        (.pull, "hub/x", "hub.example.com:5000", nil, .denied(nearest: 2, misses: [.namespace])),
        (.pull, "hub/x", "other.example.com", "docker.io", .denied(nearest: 2, misses: [.host])),
    ])
    func `a decision names the rule that it follows from, or the nearest one and what it misses`(
        action: Action, name: String, host: String?, namespace: String?, decision: AccessDecision
    ) throws {
        let principal = Principal(name: "a", rules: Self.rules)
        let repository = try #require(Repository(name))
        let place = Place(host: host.map { Array($0.utf8)[...] }, namespace: namespace.map { Array($0.utf8) })
        #expect(principal.decision(anyOf: ActionSet(action), on: repository, at: place) == decision)
        if case .allowed = decision {
            #expect(principal.may(anyOf: ActionSet(action), on: repository, at: place))
        } else {
            #expect(!principal.may(anyOf: ActionSet(action), on: repository, at: place))
        }
    }

    @Test func `a user without rules is denied without a nearest rule`() throws {
        let repository = try #require(Repository("a"))
        let decision = Principal(name: "a", rules: []).decision(
            anyOf: [.pull], on: repository, at: Place(host: nil, namespace: nil))
        #expect(decision == .denied(nearest: nil, misses: []))
    }
}
