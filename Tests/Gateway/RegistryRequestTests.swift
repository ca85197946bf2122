import Access
import HTTP
import Registry
import Testing

@testable import Gateway

struct RegistryRequestTests {
    static let digest = "sha256:" + String(repeating: "a", count: 64), sha512 = "sha512:" + String(repeating: "a", count: 128)

    @Test(arguments: [
        ("GET /v2/", RegistryOperation.ping), ("HEAD /v2/", .ping), ("GET /v2/_catalog", .catalog),
        ("GET /v2/a/tags/list", .tags), ("GET /v2/a/manifests/v1", .manifestGet), ("HEAD /v2/a/manifests/v1", .manifestHead),
        ("PUT /v2/a/manifests/v1", .manifestPut), ("DELETE /v2/a/manifests/v1", .manifestDelete),
        ("GET /v2/a/blobs/\(digest)", .blobGet), ("HEAD /v2/a/blobs/\(digest)", .blobHead),
        ("DELETE /v2/a/blobs/\(digest)", .blobDelete), ("POST /v2/a/blobs/uploads/", .uploadStart),
        ("PATCH /v2/a/blobs/uploads/u", .uploadChunk), ("PUT /v2/a/blobs/uploads/u?digest=\(digest)", .uploadFinish),
        ("GET /v2/a/blobs/uploads/u", .uploadStatus), ("DELETE /v2/a/blobs/uploads/u", .uploadCancel),
        ("GET /v2/a/referrers/\(digest)", .referrers),
    ])
    func `each endpoint and method is one operation`(request: String, operation: RegistryOperation) throws {
        #expect(try registryRequest(request).operation == operation)
    }

    @Test(arguments: [
        ("GET /v1/", 404), ("GET /v2/a/b", 404), ("PUT /v2/", 405), ("POST /v2/a/blobs/uploads/u", 405),
        ("GET /v2/A/tags/list", 400), ("GET /v2/a/blobs/sha256:0", 400), ("PUT /v2/a/blobs/uploads/u", 400),
        ("PUT /v2/a/blobs/uploads/u?digest=x", 400), ("GET /v2/a%2fb/tags/list", 400),
    ])
    func `an invalid request gets the specification's status`(request: String, status: Int) {
        let error = #expect(throws: ErrorResponse.self) { try registryRequest(request) }
        #expect(error?.error.status == status)
    }

    @Test func `a method that an endpoint lacks gets 405 and the methods that it has`() {
        let error = #expect(throws: ErrorResponse.self) { try registryRequest("POST /v2/a/manifests/v1") }
        #expect(error?.fields.contains { $0 == ("Allow", "GET, HEAD, PUT, DELETE") } == true)
    }

    @Test(arguments: ["GET /v2/", "HEAD /v2/a/manifests/v1", "DELETE /v2/a/manifests/v1"])
    func `a body is rejected where it has no meaning`(request: String) {
        let error = #expect(throws: ErrorResponse.self) { try registryRequest(request, fields: "Content-Length: 1") }
        #expect(error?.error.status == 400)
    }

    @Test func `an upload may begin with the whole blob, and with no other body`() throws {
        #expect(try registryRequest("POST /v2/a/blobs/uploads/?digest=\(Self.digest)", fields: "Content-Length: 1").isMonolithic)
        let form = "POST /v2/a/blobs/uploads/?mount=\(Self.digest)&from=b"
        #expect(throws: ErrorResponse.self) { try registryRequest(form, fields: "Content-Length: 9") }
    }

    @Test(arguments: [
        ("n=0", 0), ("n=7", 7), ("n=0000000000000000000000000000012", 12), ("n=9999999999", 9_999_999_999),
        ("n=99999999999999999999999999", Int.max), ("last=x", nil),
    ])
    func `the parameter n may have any number of digits`(query: String, count: Int?) throws {
        for path in ["/v2/a/tags/list", "/v2/_catalog", "/v2/a/referrers/\(Self.digest)"] {
            #expect(try registryRequest("GET \(path)?\(query)").count == count)
        }
    }

    @Test(arguments: ["n=", "n=-1", "n=+1", "n=1x", "n=%201"]) func `a parameter n that is not a number is rejected`(query: String)
    {
        let error = #expect(throws: ErrorResponse.self) { try registryRequest("GET /v2/a/tags/list?\(query)") }
        #expect(error?.error.status == 400)
    }

    @Test(arguments: [
        ("mount=\(digest)&from=b", true), ("mount=\(digest)", false), ("from=b", false), ("mount=sha256:1&from=b", false),
        ("mount=\(sha512)&from=b", false), ("mount=\(digest)&from=B", false),
    ])
    func `a mount needs a sha256 digest and a source repository`(query: String, isMount: Bool) throws {
        #expect(try (registryRequest("POST /v2/a/blobs/uploads/?\(query)").mount != nil) == isMount)
    }

    @Test func `a mount from a repository that the principal may not pull is dropped`() throws {
        let request = try registryRequest("POST /v2/a/blobs/uploads/?mount=\(Self.digest)&from=secret/b")
        func principal(_ patterns: [String]) -> Principal {
            Principal(name: "u", rules: [AccessRule(repositories: patterns.compactMap { Glob($0) }, actions: [.pull, .push])])
        }
        #expect(request.withMountAllowed(to: principal(["**"])).mount != nil)
        let other = principal(["a"])
        #expect(other.may(request) && request.withMountAllowed(to: other).mount == nil)
    }

    @Test(arguments: [
        ("GET /v2/a/blobs/\(sha512)", 404, "BLOB_UNKNOWN"), ("GET /v2/a/manifests/\(sha512)", 404, "MANIFEST_UNKNOWN"),
        ("PUT /v2/a/manifests/\(sha512)", 400, "DIGEST_INVALID"),
        ("PUT /v2/a/blobs/uploads/u?digest=\(sha512)", 400, "DIGEST_INVALID"),
    ])
    func `a sha512 digest gets an error of its own, not that of missing content`(request: String, status: Int, code: String) {
        let error = #expect(throws: ErrorResponse.self) { try registryRequest(request) }
        #expect(error?.error.status == status && error?.error.code.rawValue == code)
    }

    @Test func `Berth's own parameters are removed from the upstream's query`() throws {
        let request = try registryRequest("PATCH /v2/a/blobs/uploads/u?_state=x&_berth=10s&ns=docker.io&y=1")
        #expect(request.upload == UploadState(offset: 10, endsShort: true) && request.namespace == bytes("docker.io"))
        #expect(request.upstreamQuery == bytes("_state=x&y=1"))
    }
}
