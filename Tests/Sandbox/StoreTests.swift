import Testing

@testable import Sandbox

struct StoreTests {
    @Test func `pushed content remains after a restart`() async throws {
        let directory = try Files.makeTemporaryDirectory()
        defer { Files.removeAll(directory) }
        try await TestSandbox.run(in: directory) { box in
            _ = try await box.api("CreateRepository", "{\"repositoryName\":\"a/b\",\"imageTagMutability\":\"IMMUTABLE\"}")
            _ = try await box.push([1, 2, 3], to: "a/b", as: "1")
        }
        try await TestSandbox.run(in: directory) { box in
            let layer = "\(ContentDigest.of([1, 2, 3]))"
            let manifest = try await box.registry("GET", "/v2/a/b/manifests/1")
            #expect(manifest.text.contains(layer))
            #expect(try await box.registry("GET", "/v2/a/b/blobs/\(layer)").status == 307)
            let other = TestSandbox.manifest(config: (layer, 3), layers: [])
            #expect(try await box.registry("PUT", "/v2/a/b/manifests/1", body: other).code == "TAG_INVALID")
        }
    }

    @Test(arguments: [
        ("app", true), ("a", false), ("a/b", true), ("team-a/app_b.c--d__e", true), ("App", false), ("a//b", false), ("/ab", false),
        ("ab/", false),
        ("a..b", false), ("a___b", false), ("a._b", false), ("-ab", false), ("ab-", false),
        (String(repeating: "a", count: 257), false),
        (String(repeating: "a", count: 256), true), ("ab/../cd", false),
    ])
    func `repository names follow ECR's grammar`(name: String, isGood: Bool) { #expect(Repositories.isName(name) == isGood) }

    @Test(arguments: [
        ("/v2/", "ping"), ("/v2", "ping"), ("/v2/_catalog", "catalog"), ("/v2/app/tags/list", "tags app"),
        ("/v2/a/tags/list/tags/list", "tags a/tags/list"), ("/v2/a/b/manifests/1", "manifest a/b 1"),
        ("/v2/a/b/blobs/sha256%3Aab", "blob a/b sha256:ab"), ("/v2/app/blobs/uploads/", "newUpload app"),
        ("/v2/app/blobs/uploads", "newUpload app"),
        ("/v2/app/blobs/uploads/x", "upload app x"), ("/v2/app/referrers/d", "referrers app d"), ("/v2/App/tags/list", "nothing"),
        ("/v2/app/", "nothing"), ("/v1/app/tags/list", "nothing"), ("/v2/tags/list", "nothing"), ("/v2/blobs/uploads/", "nothing"),
    ])
    func `a path is read from its end`(path: String, expected: String) {
        let read =
            switch RegistryRoute(path: path) {
            case .ping: "ping"
            case .catalog: "catalog"
            case .tags(let name): "tags \(name)"
            case .manifest(let name, let reference): "manifest \(name) \(reference)"
            case .blob(let name, let digest): "blob \(name) \(digest)"
            case .newUpload(let name): "newUpload \(name)"
            case .upload(let name, let id): "upload \(name) \(id)"
            case .referrers(let name, let digest): "referrers \(name) \(digest)"
            case nil: "nothing"
            }
        #expect(read == expected)
    }
}
