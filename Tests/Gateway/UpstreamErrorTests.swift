import HTTP
import Registry
import Testing

@testable import Gateway

struct UpstreamErrorTests {
    private func error(_ status: Int, _ code: String?, _ message: String, _ request: String = "GET /v2/team/app/manifests/v1")
        throws
        -> RegistryError
    {
        let body = code.map { "{\"errors\":[{\"code\":\"\($0)\",\"message\":\"\(message)\"}]}\n" } ?? message
        return UpstreamError(status: status, body: Array(body.utf8))
            .response(to: try registryRequest(request), upstreamRepository: Repository("acme/team/app")).error
    }

    @Test(arguments: [
        (404, "NAME_UNKNOWN", "The repository with name 'acme/team/app' does not exist in the registry with id '111122223333'"),
        (
            404, "MANIFEST_BLOB_UNKNOWN",
            "Images with digests '[sha256:00]' required for pushing image into repository with name 'acme/team/app' in the registry with id '111122223333' do not exist"
        ),
        (
            403, "DENIED",
            "User: arn:aws:sts::111122223333:assumed-role/R/S is not authorized to perform: ecr:BatchGetImage on resource: arn:aws:ecr:us-west-2:444455556666:repository/r because no identity-based policy allows the ecr:BatchGetImage action"
        ),
        (
            400, "BLOB_UPLOAD_INVALID",
            "The upload with id 'U' in the repository with name 'acme/team/app' in registry with id '111122223333' cannot be completed because it does not have any parts"
        ),
        (403, "DENIED", "Access by arn:aws:iam::111122223333:role/pull (account 111122223333) is denied"),
    ])
    func `no error response names an account, a role or the upstream's repository`(status: Int, code: String, message: String)
        throws
    {
        let error = try error(status, code, message)
        #expect(error.status == status && error.code.rawValue == code)
        #expect(!error.message.contains(/[0-9]{12}|arn:|acme/), "\(error.message)")
        #expect(error.message.count > 20)
    }

    @Test func `a text without names passes word for word, with the client's name of the repository`() throws {
        let text =
            "The image tag 'v1' already exists in the '%' repository and cannot be overwritten because the tag is immutable."
        let error = try error(
            400, "TAG_INVALID", text.replacing("%", with: "acme/team/app"), "PUT /v2/team/app/manifests/v1")
        #expect(error.message == text.replacing("%", with: "team/app"))
    }

    @Test func `a denial of AWS names the action to allow`() throws {
        let error = try error(403, "DENIED", "User: x is not authorized to perform: ecr:InitiateLayerUpload on resource: y")
        #expect(
            error.message
                == "The gateway's own AWS identity may not do ecr:InitiateLayerUpload on 'team/app'; its operator has to allow it.")
    }

    @Test func `the error for a push to a missing repository says what to do`() throws {
        let pushed = try error(404, "NAME_UNKNOWN", "x", "POST /v2/team/app/blobs/uploads/")
        #expect(pushed.message.contains("create_repositories"))
        #expect(try error(404, "NAME_UNKNOWN", "x").message == "The repository 'team/app' does not exist.")
    }

    @Test func `an invalid manifest gets 400, not ECR's 405`() throws {
        let text = "Invalid parameter at 'ImageManifest' failed to satisfy constraint: 'Invalid JSON syntax'"
        let error = try error(405, "UNSUPPORTED", text, "PUT /v2/team/app/manifests/v1")
        #expect(error.code == .manifestInvalid && error.status == 400)
        #expect(error.message == "The upstream registry rejects the manifest: Invalid JSON syntax.")
    }

    @Test(arguments: [
        (404, "404 page not found\n", "GET /v2/team/app/manifests/v1", RegistryError.Code.manifestUnknown),
        (404, "", "DELETE /v2/team/app/blobs/uploads/u", .blobUploadUnknown),
        (403, "Forbidden", "GET /v2/team/app/tags/list", .denied),
        (500, "<html>", "GET /v2/team/app/tags/list", .unavailable), (413, "", "PUT /v2/team/app/manifests/v1", .sizeInvalid),
        (429, "{}", "GET /v2/team/app/tags/list", .tooManyRequests),
        (400, "[]", "PATCH /v2/team/app/blobs/uploads/u", .blobUploadInvalid),
    ])
    func `an error response that is not a registry's becomes one`(
        status: Int, body: String, request: String, code: RegistryError.Code
    ) throws {
        let error = try error(status, nil, body, request)
        #expect(error.code == code && error.status == status && !error.message.contains("<"))
    }

    @Test func `a registry's own 416 keeps the size of the blob`() throws {
        let request = try registryRequest("GET /v2/team/app/blobs/\(RegistryRequestTests.digest)")
        func fields(_ status: Int) -> [(String, String)] {
            UpstreamError(status: status, body: [], contentRange: "bytes */9").response(to: request, upstreamRepository: nil).fields
        }
        #expect(fields(416).contains { $0 == ("Content-Range", "bytes */9") })
        #expect(!fields(404).contains { $0.0 == "Content-Range" })
    }
}
