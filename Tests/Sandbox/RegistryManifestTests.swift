import Testing

@testable import Sandbox

/// ECR 1.2, 1.3
struct RegistryManifestTests {
    @Test func `GET has no digest field, HEAD has one and an empty Sizes, PUT has no Location`() async throws {
        try await RegistryUploadTests.run { box in
            let config = try await box.upload(Array("{}".utf8), to: "app")
            let manifest = TestSandbox.manifest(config: (config, 2), layers: [])
            let digest = ContentDigest.of(manifest)
            let put = try await box.registry("PUT", "/v2/app/manifests/1", body: manifest)
            #expect(put.status == 201)
            #expect(put.fields["docker-content-digest"] == "\(digest)")
            #expect(put.fields["location"] == nil)
            for reference in ["1", "\(digest)"] {
                let got = try await box.registry("GET", "/v2/app/manifests/\(reference)")
                #expect(got.status == 200)
                #expect(got.body == manifest)
                #expect(got.fields["content-type"] == "application/vnd.oci.image.manifest.v1+json")
                #expect(got.fields["docker-content-digest"] == nil)
                let head = try await box.registry("HEAD", "/v2/app/manifests/\(reference)")
                #expect(head.fields["docker-content-digest"] == "\(digest)")
                #expect(head.fields["sizes"] == "")
                #expect(head.fields["content-length"] == "\(manifest.count)")
                #expect(head.body.isEmpty)
            }
        }
    }

    static let good = "\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\""
    static let absent = "sha256:" + String(repeating: "0", count: 64)

    @Test(arguments: [
        (
            "1", "not json", 405, "UNSUPPORTED",
            "Invalid parameter at 'ImageManifest' failed to satisfy constraint: 'Invalid JSON syntax'"
        ),
        (
            "1", "{\"schemaVersion\":2,\"config\":{\"digest\":\"\(absent)\"},\"layers\":[]}", 405, "UNSUPPORTED",
            "media type is missing"
        ),
        ("1", "{\(good),\"config\":{\"digest\":\"\(absent)\"}}", 405, "UNSUPPORTED", "Invalid image manifest"),
        (
            "1", "{\(good),\"config\":{\"digest\":\"\(absent)\"},\"layers\":[]}", 400, "MANIFEST_BLOB_UNKNOWN",
            "Layers with digests '[\(absent)]' required for pushing image into repository with name 'app' in the registry with id '123456789012' do not exist"
        ),
        (
            "1",
            "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"manifests\":[{\"digest\":\"\(absent)\"}]}",
            400,
            "MANIFEST_BLOB_UNKNOWN", "Images with digests '[\(absent)]' required"
        ),
        (absent, "{\(good),\"config\":{\"digest\":\"\(absent)\"},\"layers\":[]}", 400, "DIGEST_INVALID", "does not match"),
        ("a+b", "{}", 405, "UNSUPPORTED", "imageTag"),
    ])
    func `an invalid manifest is rejected in ECR's words`(
        reference: String, manifest: String, status: Int, code: String, text: String
    ) async throws {
        try await RegistryUploadTests.run { box in
            let response = try await box.registry("PUT", "/v2/app/manifests/\(reference)", body: Array(manifest.utf8))
            #expect(response.status == status)
            #expect(response.code == code)
            #expect(response.text.contains(text))
            #expect(response.text.hasSuffix("}\n"))
        }
    }

    @Test func `a missing manifest is unknown, with a body for GET and none for HEAD`() async throws {
        try await RegistryUploadTests.run { box in
            for reference in ["nope", Self.absent] {
                let got = try await box.registry("GET", "/v2/app/manifests/\(reference)")
                #expect(got.status == 404)
                #expect(got.code == "MANIFEST_UNKNOWN")
                #expect(got.text.contains("Requested image not found"))
                let head = try await box.registry("HEAD", "/v2/app/manifests/\(reference)")
                #expect(head.status == 404)
                #expect(head.body.isEmpty)
            }
            #expect(try await box.registry("HEAD", "/v2/app/manifests/a+b").status == 400)
            let nowhere = try await box.registry("GET", "/v2/app/nothing")
            #expect(nowhere.status == 404)
            #expect(nowhere.text == "404 page not found\n")
            #expect(try await box.registry("DELETE", "/v2/app/blobs/\(Self.absent)").text == "404 page not found\n")
        }
    }

    @Test func `an immutable tag keeps its image`() async throws {
        try await TestSandbox.run { box in
            _ = try await box.api("CreateRepository", "{\"repositoryName\":\"app\",\"imageTagMutability\":\"IMMUTABLE\"}")
            let (image, _) = try await box.push([1], to: "app", as: "1")
            let config = try await box.upload(Array("{}".utf8), to: "app")
            let other = TestSandbox.manifest(config: (config, 2), layers: [])
            let response = try await box.registry("PUT", "/v2/app/manifests/1", body: other)
            #expect(response.status == 400)
            #expect(response.code == "TAG_INVALID")
            #expect(response.text.contains("The image tag '1' already exists in the 'app' repository and cannot be overwritten"))
            #expect(try await box.registry("HEAD", "/v2/app/manifests/1").fields["docker-content-digest"] == image)
        }
    }

    @Test func `deleting the last tag deletes the image, deleting a digest deletes all its tags`() async throws {
        try await RegistryUploadTests.run { box in
            let (image, _) = try await box.push([1], to: "app", as: "1")
            _ = try await box.push([1], to: "app", as: "2")
            #expect(try await box.registry("DELETE", "/v2/app/manifests/1").status == 202)
            #expect(try await box.registry("HEAD", "/v2/app/manifests/\(image)").status == 200)
            #expect(try await box.registry("DELETE", "/v2/app/manifests/2").status == 202)
            #expect(try await box.registry("HEAD", "/v2/app/manifests/\(image)").status == 404)
            _ = try await box.push([1], to: "app", as: "3")
            #expect(try await box.registry("DELETE", "/v2/app/manifests/\(image)").status == 202)
            #expect(try await box.registry("HEAD", "/v2/app/manifests/3").status == 404)
            #expect(try await box.registry("DELETE", "/v2/app/manifests/3").code == "MANIFEST_UNKNOWN")
        }
    }

    @Test func `referrers are found by their subject`() async throws {
        struct Index: Decodable {
            struct Entry: Decodable { var digest, artifactType: String }
            var manifests: [Entry]
        }
        try await RegistryUploadTests.run { box in
            let (image, _) = try await box.push([1], to: "app", as: "1")
            let (signature, _) = try await box.push([2], to: "app", as: "signature", subject: image)
            let config = try await box.upload(Array("{}".utf8), to: "app")
            let again = TestSandbox.manifest(config: (config, 2), layers: [], subject: image)
            #expect(try await box.registry("PUT", "/v2/app/manifests/x", body: again).fields["oci-subject"] == image)
            let all = try await box.registry("GET", "/v2/app/referrers/\(image)")
            #expect(all.fields["content-type"] == "application/vnd.oci.image.index.v1+json")
            #expect(Set(try all.json(Index.self).manifests.map(\.digest)) == [signature, "\(ContentDigest.of(again))"])
            let none = try await box.registry("GET", "/v2/app/referrers/\(image)?artifactType=application%2Fnone")
            #expect(try none.json(Index.self).manifests.isEmpty)
            #expect(none.fields["oci-filters-applied"] == "artifactType")
            #expect(try await box.registry("GET", "/v2/app/referrers/\(Self.absent)").status == 200)
        }
    }

    @Test func `more than ten manifests a second are rejected when that quirk is on`() async throws {
        try await RegistryUploadTests.run([.putImageRate: true]) { box in
            let config = try await box.upload(Array("{}".utf8), to: "app")
            let manifest = TestSandbox.manifest(config: (config, 2), layers: [])
            // All at once: one after another they might take longer than a second on a slow machine.
            let responses = try await withThrowingTaskGroup(of: TestSandbox.Response.self) { group in
                for _ in 0..<40 { group.addTask { try await box.registry("PUT", "/v2/app/manifests/1", body: manifest) } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            let rejected = try #require(responses.first { $0.status == 429 })
            #expect(rejected.code == "TOOMANYREQUESTS")
            #expect(rejected.fields["retry-after"] == nil)
            #expect(responses.count { $0.status == 201 } >= 10)
        }
    }
}
