import Access
import Configuration
import HTTP
import Testing

@testable import Recipes

/// The mirrors that routes make.
struct MirrorTests {
    private static func mirrors(_ routes: String, _ access: String) throws -> [Mirror] {
        let settings = try SettingsFile.parse(
            """
            upstreams: [{name: main, registry: 123456789012.dkr.ecr.eu-west-1.amazonaws.com}]
            routes: [\(routes)]
            anonymous: {access: [\(access)]}
            """, file: "berth.yaml", environment: [:])
        let address = ClientAddress(isHTTPS: true, host: try #require(HostName("registry.example.com")))
        return Mirror.all(
            in: settings, at: address, user: nil, anonymous: Principal(name: "anonymous", rules: settings.anonymous ?? []))
    }

    private static let namespace = "{namespace: docker.io, upstream: main, upstream_prefix: docker-hub/}"
    private static let host = "{host: hub.example.com, upstream: main, upstream_prefix: docker-hub/}"

    @Test func `a namespace, its own host and its prefix are one mirror`() throws {
        let found = try Self.mirrors(
            "{upstream: main}, \(Self.namespace), \(Self.host)",
            #"{repositories: ["**"], actions: [pull], namespace: docker.io}, {repositories: ["docker-hub/**"], actions: [pull]}"#)
        #expect(found.count == 1)
        let mirror = try #require(found.first)
        #expect(mirror.registry?.name == "docker.io")
        #expect(mirror.endpoint?.address.url == "https://registry.example.com" && mirror.endpoint?.isAnonymous == true)
        #expect(mirror.host?.address.url == "https://hub.example.com" && mirror.host?.isAnonymous == false)
        #expect(mirror.path?.prefix == "docker-hub" && mirror.path?.endpoint.isAnonymous == true)
    }

    @Test func `without a route for everything, there is no prefix`() throws {
        let mirror = try #require(Self.mirrors(Self.namespace, #"{repositories: ["**"], actions: [pull]}"#).first)
        #expect(mirror.path == nil && mirror.host == nil)
    }

    @Test func `a host alone is a mirror of a registry that is not named`() throws {
        let found = try Self.mirrors(Self.host, #"{repositories: ["**"], actions: [pull], host: hub.example.com}"#)
        #expect(found.count == 1 && found[0].registry == nil && found[0].endpoint == nil)
        #expect(found[0].host?.address.url == "https://hub.example.com" && found[0].host?.isAnonymous == true)
    }

    @Test func `a prefix that renames the gateway's own repositories is no mirror`() throws {
        let routes =
            "{upstream: main, upstream_prefix: acme/}, {host: registry.example.com, upstream: main, upstream_prefix: acme/}"
        #expect(try Self.mirrors(routes, #"{repositories: ["**"], actions: [pull]}"#).isEmpty)
    }

    @Test func `a namespace at a host of its own is reached there`() throws {
        let found = try Self.mirrors(
            "{host: hub.example.com, namespace: quay.io, upstream: main, upstream_prefix: quay/}",
            #"{repositories: ["**"], actions: [pull]}"#)
        #expect(found.first?.endpoint?.address.url == "https://hub.example.com")
    }
}
