import Testing

@testable import Sandbox

/// ECR 1.3
struct RegistryListTests {
    private struct Tags: Decodable { var name: String, tags: [String] }
    private struct Catalog: Decodable { var repositories: [String] }

    static func run(tags count: Int, _ body: (TestSandbox) async throws -> Void) async throws {
        try await RegistryUploadTests.run { box in
            let config = try await box.upload(Array("{}".utf8), to: "app")
            let manifest = TestSandbox.manifest(config: (config, 2), layers: [])
            for number in 0..<count { _ = try await box.registry("PUT", "/v2/app/manifests/v\(number)", body: manifest) }
            try await body(box)
        }
    }

    @Test func `tags are plain text in pages, with an absolute Link that has an opaque last`() async throws {
        try await Self.run(tags: 7) { box in
            var path = "/v2/app/tags/list?n=3"
            var tags: [String] = []
            for page in 0..<3 {
                let response = try await box.registry("GET", path)
                #expect(response.fields["content-type"] == "text/plain; charset=utf-8")
                let list = try response.json(Tags.self)
                #expect(list.name == "app")
                tags += list.tags
                guard page < 2 else {
                    #expect(response.fields["link"] == nil)
                    break
                }
                let link = try #require(response.fields["link"])
                #expect(link.hasPrefix("<https://123456789012.dkr.ecr.eu-west-1.amazonaws.com/v2/app/tags/list?last="))
                #expect(link.hasSuffix(">; rel=\"next\""))
                #expect(!link.contains(list.tags[2]))
                path = String(link.dropFirst("<https://123456789012.dkr.ecr.eu-west-1.amazonaws.com".count).prefix { $0 != ">" })
            }
            #expect(tags.count == 7)
            #expect(Set(tags) == Set((0..<7).map { "v\($0)" }))
        }
    }

    @Test(arguments: [
        (
            "n=1001",
            "Invalid parameter at 'maxResults' failed to satisfy constraint: 'Member must have value less than or equal to 1000'"
        ),
        ("n=0", "'maxResults'"),
        ("last=v1", "Invalid parameter at 'NextToken' failed to satisfy constraint: 'Invalid next token provided'"),
        ("last=7631ffffffffffffffff", "'NextToken'"),
    ])
    func `an invalid page is an unsupported parameter`(query: String, text: String) async throws {
        try await Self.run(tags: 2) { box in
            for list in ["/v2/app/tags/list", "/v2/_catalog"] {
                let response = try await box.registry("GET", "\(list)?\(query)")
                #expect(response.status == 405)
                #expect(response.code == "UNSUPPORTED")
                #expect(response.text.contains(text))
            }
        }
    }

    @Test func `the catalog lists every repository`() async throws {
        try await TestSandbox.run { box in
            for name in ["b/c", "a", "b"] { _ = try await box.api("CreateRepository", "{\"repositoryName\":\"\(name)\(name)\"}") }
            #expect(try await box.registry("GET", "/v2/_catalog").json(Catalog.self).repositories == ["aa", "b/cb/c", "bb"])
            let first = try await box.registry("GET", "/v2/_catalog?n=1")
            #expect(first.fields["link"]?.contains("/v2/_catalog?last=") == true)
        }
    }
}
