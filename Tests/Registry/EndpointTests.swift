import HTTP
import Testing

@testable import Registry

struct EndpointTests {
    static let sha256 = "sha256:" + String(repeating: "0a", count: 32)
    static let sha512 = "sha512:" + String(repeating: "0a", count: 64)

    /// Names whose components are words of the API.
    static let names = [
        "a", "team/app", "blobs", "manifests", "tags", "uploads", "referrers", "list", "v2", "a/blobs/b", "a/manifests/latest",
        "a/tags/list", "blobs/uploads", "a/blobs/uploads/u", "referrers/referrers", "tags/list/tags", "catalog",
    ]

    private static func endpoint(_ path: String) throws -> Endpoint { try Endpoint(path: Array(path.utf8)) }

    @Test(arguments: ["/v2", "/v2/"])
    func `the base path is a ping`(path: String) throws { #expect(try Self.endpoint(path) == .ping) }

    @Test func `the catalog is an endpoint outside of repositories`() throws {
        let catalog = try Self.endpoint("/v2/_catalog")
        #expect(catalog == .catalog && catalog.repository == nil)
    }

    @Test func `an operation is found by its endpoint and method`() throws {
        for row in RegistryOperationTests.table {
            let endpoint = try Self.endpoint(row.path)
            for method in Method.allCases {
                let expected = RegistryOperation.all(of: endpoint).first { "\($0.method)" == "\(method.token)" }?.operation
                #expect(RegistryOperation(endpoint, method) == expected)
            }
        }
    }

    @Test(arguments: names)
    func `every endpoint of a repository is found whatever words its name contains`(name: String) throws {
        let repository = try #require(Repository(name)), tag = try #require(Reference(Array("latest".utf8)))
        for text in [Self.sha256, Self.sha512] {
            let digest = try #require(Digest(text))
            #expect(try Self.endpoint("/v2/\(name)/manifests/\(text)") == .manifest(repository, .digest(digest)))
            #expect(try Self.endpoint("/v2/\(name)/blobs/\(text)") == .blob(repository, digest))
            #expect(try Self.endpoint("/v2/\(name)/referrers/\(text)") == .referrers(repository, digest))
        }
        #expect(try Self.endpoint("/v2/\(name)/tags/list") == .tags(repository))
        #expect(try Self.endpoint("/v2/\(name)/manifests/latest") == .manifest(repository, tag))
        #expect(try Self.endpoint("/v2/\(name)/blobs/uploads/") == .uploads(repository))
        #expect(try Self.endpoint("/v2/\(name)/blobs/uploads") == .uploads(repository))
        #expect(try Self.endpoint("/v2/\(name)/blobs/uploads/u-1") == .upload(repository, session: Array("u-1".utf8)))
        #expect(try Self.endpoint("/v2/\(name)/blobs/uploads/list").repository == repository)
    }

    @Test(arguments: ["list", "manifests", "uploads", "tags"])
    func `a tag may be a word of the API`(tag: String) throws {
        let repository = try #require(Repository("a")), reference = try #require(Reference(Array(tag.utf8)))
        #expect(try Self.endpoint("/v2/a/manifests/\(tag)") == .manifest(repository, reference))
    }

    @Test(arguments: ["u", "0b1c-._~=", String(repeating: "s", count: 512)])
    func `a session has up to 512 unreserved characters`(session: String) throws {
        guard case .upload(_, let found) = try Self.endpoint("/v2/a/blobs/uploads/\(session)") else {
            Issue.record("not an upload")
            return
        }
        #expect(found.elementsEqual(session.utf8))
    }

    @Test(arguments: [
        String(repeating: "s", count: 513), "u:1", "u+1", "u%1", "u?1", "u,1", "u@1", "u\\1", "ü",
    ])
    func `a session out of bounds is an unknown upload`(session: String) {
        let error = #expect(throws: RegistryError.self) { try Self.endpoint("/v2/a/blobs/uploads/\(session)") }
        #expect(error?.code == .blobUploadUnknown && error?.status == 404)
    }

    @Test(arguments: [
        "", "/", "v2/", "/v1/", "/v1/a/tags/list", "/v2x", "/v2x/", "/V2/", "/v2/a", "/v2/a/b", "/v2/a/tags", "/v2/tags/list",
        "/v2/_catalog/", "/v2/manifests/x", "/v2/a/secrets/x", "/v2/a/tags/list/", "/v2/a/blobs", "/v2/a/blobs/uploads/u/x",
    ])
    func `a path that is not an endpoint is a 404`(path: String) {
        let error = #expect(throws: RegistryError.self) { try Self.endpoint(path) }
        #expect(error?.code == .nameUnknown && error?.status == 404)
    }

    @Test(
        arguments: [
            ("/v2/A/tags/list", .nameInvalid), ("/v2/a../tags/list", .nameInvalid), ("/v2/_a/manifests/x", .nameInvalid),
            ("/v2/a//manifests/x", .nameInvalid), ("/v2//blobs/uploads/", .nameInvalid),
            ("/v2/\(String(repeating: "a", count: 256))/tags/list", .nameInvalid),
            ("/v2/a/manifests/-x", .tagInvalid), ("/v2/a/manifests/", .tagInvalid), ("/v2/a/manifests/sha256:0", .tagInvalid),
            ("/v2/a/manifests/\(String(repeating: "t", count: 129))", .tagInvalid),
            ("/v2/a/blobs/sha256:short", .digestInvalid), ("/v2/a/blobs/", .digestInvalid), ("/v2/a/referrers/x", .digestInvalid),
            ("/v2/a/blobs/\(sha256.uppercased())", .digestInvalid),
        ] as [(String, RegistryError.Code)])
    func `an invalid name, reference or digest is a 400 with its code`(path: String, code: RegistryError.Code) {
        let error = #expect(throws: RegistryError.self) { try Self.endpoint(path) }
        #expect(error?.code == code && error?.status == 400)
    }
}
