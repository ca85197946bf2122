import Access
import HTTP
import Registry
import Testing

@testable import Configuration
@testable import Gateway

struct RouterTests {
    private let router: Router

    init() throws {
        func route(_ host: String?, _ namespace: String?, _ prefix: String, _ upstream: String, _ upstreamPrefix: String? = nil)
            -> Settings.Route
        {
            Settings.Route(
                host: host.flatMap { HostName($0) }, namespace: namespace.flatMap { HostName($0) }, prefix: bytes(prefix),
                upstream: upstream, upstreamPrefix: bytes(upstreamPrefix ?? prefix))
        }
        router = try Router(
            RouteTable([
                route(nil, nil, "team/", "one", "acme/team/"), route(nil, nil, "team/app/", "two"),
                route("hub.example.com", nil, "", "two", "hub/"),
                route(nil, "docker.io", "", "one", "dockerhub/"),
                route(nil, nil, "long/", "one", String(repeating: "x", count: 250) + "/"),
            ]), upstreams: [upstream("one"), upstream("two")])
    }

    private func place(_ host: String = "h", _ namespace: String? = nil) -> Place {
        Place(host: bytes(host)[...], namespace: namespace.map(bytes))
    }

    @Test(
        arguments: [
            ("team/x", "h", nil, "one", "acme/team/x"), ("team/app/x", "h", nil, "two", "team/app/x"),
            ("team/app", "h", nil, "one", "acme/team/app"), ("other", "h", nil, nil, nil),
            ("other", "hub.example.com", nil, "two", "hub/other"), ("other", "HUB.example.com.:5000", nil, "two", "hub/other"),
            ("team/x", "hub.example.com", nil, "one", "acme/team/x"), ("other", "h", "docker.io", "one", "dockerhub/other"),
            ("other", "h", "quay.io", nil, nil),
        ] as [(String, String, String?, String?, String?)])
    func `the longest prefix among the rows for the place decides`(
        repository: String, host: String, namespace: String?, upstream: String?, name: String?
    ) throws {
        let route = router.route(at: place(host, namespace), repository: try #require(Repository(repository)))
        #expect(route?.upstream.name == upstream && route?.upstreamRepository.description == name)
    }

    @Test func `a name that becomes too long has no route, and a shorter prefix does not apply`() throws {
        #expect(router.route(at: place("hub.example.com"), repository: try #require(Repository("long/named"))) == nil)
    }

    @Test(
        arguments: [
            ("other", "team/x", "hub.example.com", nil), ("team/y", "team/x", "h", "acme/team/x"),
            ("team/y", "team/app/x", "h", nil),
            ("team/y", "other", "h", nil),
        ] as [(String, String, String, String?)])
    func `a mount's source gets the upstream's name, and is kept only if both repositories are at one upstream`(
        target: String, source: String, host: String, name: String?
    ) throws {
        let request = try RegistryRequest(
            head("POST /v2/\(target)/blobs/uploads/?mount=\(RegistryRequestTests.digest)&from=\(source) HTTP/1.1", "Host: h"),
            host: bytes(host)[...])
        #expect(router.route(request)?.mountSource?.description == name)
    }
}

struct RouteTests {
    private static let digest = RegistryRequestTests.digest

    @Test(arguments: [
        ("GET /v2/team/a/manifests/v1?x=%2F", "/v2/acme/a/manifests/v1?x=%2F"),
        ("GET /v2/team/a/tags/list?n=10&last=b&ns=docker.io", "/v2/acme/a/tags/list?last=b"),
        ("PATCH /v2/team/a/blobs/uploads/u?_state=s&_berth=5", "/v2/acme/a/blobs/uploads/u?_state=s"),
        ("POST /v2/team/a/blobs/uploads/?mount=\(digest)&from=b", "/v2/acme/a/blobs/uploads/"),
    ])
    func `the upstream gets its own repository name, without Berth's parameters`(request: String, target: String) throws {
        let parts = request.split(separator: " ")
        let route = Route(
            upstream: try upstream("one"), repository: try #require(Repository("team/a")),
            upstreamRepository: try #require(Repository("acme/a")))
        #expect(route.target(of: try registryRequest(request), asSent: bytes(String(parts[1]))[...]) == bytes(target)[...])
    }

    @Test func `a target that means the same at the upstream passes byte for byte`() throws {
        let repository = try #require(Repository("a"))
        let route = Route(upstream: try upstream("one"), repository: repository, upstreamRepository: repository)
        let sent = "/v2/a/manifests/%76%31?unknown=%zz"
        #expect(route.target(of: try registryRequest("GET " + sent), asSent: bytes(sent)[...]) == bytes(sent)[...])
    }

    @Test func `a mount is sent with the upstream's name of its source`() throws {
        let repository = try #require(Repository("a"))
        var route = Route(upstream: try upstream("one"), repository: repository, upstreamRepository: repository)
        route.mountSource = Repository("acme/b")
        let sent = "/v2/a/blobs/uploads/?mount=\(Self.digest)&from=b"
        #expect(
            route.target(of: try registryRequest("POST " + sent), asSent: bytes(sent)[...])
                == bytes("/v2/a/blobs/uploads/?mount=\(Self.digest)&from=acme/b")[...])
    }
}
