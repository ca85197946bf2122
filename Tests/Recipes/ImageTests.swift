import Access
import Configuration
import HTTP
import Registry
import Testing

@testable import Recipes

/// The image that a recipe names.
struct ImageTests {
    private static func image(_ patterns: String, routes: String = "", given: String? = nil, pushed: Bool = false) throws -> Image {
        let settings = try SettingsFile.parse(
            """
            upstreams: [{name: main, registry: 123456789012.dkr.ecr.eu-west-1.amazonaws.com}]
            anonymous: {access: [\(patterns)]}
            \(routes)
            """, file: "berth.yaml", environment: [:])
        let rules = settings.anonymous ?? []
        let address = ClientAddress(isHTTPS: true, host: try #require(HostName("registry.example.com")))
        return try Image(
            in: settings, given: given, at: address, for: Principal(name: "ci", rules: rules), rules: rules, pushed: pushed)
    }

    @Test(arguments: [
        (#"{repositories: ["**"], actions: [pull]}"#, "team/app"),
        (#"{repositories: ["*"], actions: [pull]}"#, "app"),
        (#"{repositories: ["team-a/**"], actions: [pull]}"#, "team-a/app"),
        (#"{repositories: ["base/*", "x/y"], actions: [pull]}"#, "x/y"),
        (#"{repositories: ["a/*/b-*"], actions: [pull]}"#, "a/app/b-app"),
        (#"{repositories: ["secret/**"], actions: [push]}, {repositories: ["open/**"], actions: [pull]}"#, "open/app"),
        (#"{repositories: ["**"], actions: [pull], host: other.example.com}, {repositories: ["b"], actions: [pull]}"#, "b"),
    ])
    func `the example is one that the rules allow here`(rules: String, expected: String) throws {
        #expect(try Self.image(rules).repository.description == expected)
    }

    @Test func `where the client pushes, the example may be pushed`() throws {
        let rules = #"{repositories: ["base/**"], actions: [pull]}, {repositories: ["own/**"], actions: [pull, push]}"#
        #expect(try Self.image(rules, pushed: true).repository.description == "own/app")
        #expect(try Self.image(rules).repository.description == "base/app")
    }

    @Test func `the example is one that a route leads to, and its name upstream is shown`() throws {
        let image = try Self.image(
            #"{repositories: ["**"], actions: [pull]}"#,
            routes: "routes: [{prefix: a/, upstream: main, upstream_prefix: acme/}, {namespace: docker.io, upstream: main}]")
        #expect(image.repository.description == "a/app")
        #expect(image.upstream == "123456789012.dkr.ecr.eu-west-1.amazonaws.com/acme/app")
    }

    @Test(arguments: [
        ("other/app", "may not pull it"), ("a b", "not a name"), ("team/app:a/b", "not a name"), ("elsewhere/x", "no route leads"),
    ])
    func `a repository that does not fit is rejected`(given: String, reason: String) throws {
        let error = #expect(throws: RecipeError.self) {
            try Self.image(
                #"{repositories: ["team/**"], actions: [pull]}"#,
                routes: "routes: [{prefix: team/, upstream: main}, {prefix: other/, upstream: main}]", given: given)
        }
        #expect(error?.description.contains(reason) == true)
    }

    @Test func `a given tag is kept`() throws {
        let image = try Self.image(#"{repositories: ["team/**"], actions: [pull]}"#, given: "team/x:2.1")
        #expect(image.repository.description == "team/x" && image.tag == "2.1")
    }
}
