import Testing
import Transport

@testable import Sandbox

/// ECR 1.5
struct RegistryUploadTests {
    static let repository = "{\"repositoryName\":\"app\"}"

    static func run(_ quirks: [Quirk: Bool] = [:], _ body: (TestSandbox) async throws -> Void) async throws {
        try await TestSandbox.run(quirks) { box in
            #expect(try await box.api("CreateRepository", repository).status == 200)
            try await body(box)
        }
    }

    static func bytes(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) } }

    @Test func `a session's Location is absolute with the request's Host, and there is no UUID field`() async throws {
        try await Self.run { box in
            let begun = try await box.registry("POST", "/v2/app/blobs/uploads/")
            #expect(begun.status == 202)
            #expect(
                begun.fields["location"]?.hasPrefix("https://123456789012.dkr.ecr.eu-west-1.amazonaws.com/v2/app/blobs/uploads/")
                    == true)
            #expect(begun.fields["docker-upload-uuid"] == nil)
            #expect(begun.fields["range"] == "0-0")
            #expect(begun.fields["oci-chunk-min-length"] == "10485760")
            let otherHost = try await box.client.send(
                box.sandbox.addresses.registry, name: "localhost", "POST", "/v2/app/blobs/uploads/",
                fields: [("Host", "localhost:443"), ("Authorization", "Basic \(box.token)")], body: [])
            #expect(otherHost.fields["location"]?.hasPrefix("https://localhost:443/v2/app/") == true)
        }
    }

    @Test func `PATCH is 201 and Range has the size`() async throws {
        try await Self.run { box in
            let content = Self.bytes(300_000)
            let path = try box.path(try await box.registry("POST", "/v2/app/blobs/uploads/"))
            let patched = try await box.registry("PATCH", path, body: content)
            #expect(patched.status == 201)
            #expect(patched.fields["range"] == "0-299999")
            #expect(try box.path(patched) == path)
            let digest = ContentDigest.of(content)
            let put = try await box.registry("PUT", "\(path)?digest=\(digest)", body: [])
            #expect(put.status == 201)
            #expect(put.fields["docker-content-digest"] == "\(digest)")
            let head = try await box.registry("HEAD", "/v2/app/blobs/\(digest)")
            #expect(head.status == 200)
            #expect(head.fields["content-length"] == "300000")
            #expect(head.fields["docker-content-digest"] == "\(digest)")
            #expect(head.fields["content-type"] == "application/vnd.docker.container.image.v1+json")
            #expect(try await box.registry("PATCH", path, body: content).code == "BLOB_UPLOAD_UNKNOWN")
        }
    }

    @Test func `quirks switch to the behaviour of other registries`() async throws {
        let quirks: [Quirk: Bool] = [.patchCreated: false, .absoluteLocation: false, .uploadUUID: true, .chunkMinimumLength: false]
        try await Self.run(quirks) { box in
            let begun = try await box.registry("POST", "/v2/app/blobs/uploads/")
            let path = try #require(begun.fields["location"])
            let id = try #require(begun.fields["docker-upload-uuid"])
            #expect(path == "/v2/app/blobs/uploads/\(id)")
            #expect(begun.fields["oci-chunk-min-length"] == nil)
            #expect(try await box.registry("PATCH", path, body: [1]).status == 202)
        }
    }

    @Test func `a part below 5 MiB is accepted, and fails the final PUT unless it is the last`() async throws {
        try await Self.run { box in
            for (sizes, status) in [([1000, 1000], 400), ([5 << 20, 1000], 201), ([1000], 201)] {
                let path = try box.path(try await box.registry("POST", "/v2/app/blobs/uploads/"))
                var content: [UInt8] = []
                for size in sizes {
                    let part = Self.bytes(size)
                    let range = ("Content-Range", "\(content.count)-\(content.count + size - 1)")
                    #expect(try await box.registry("PATCH", path, fields: [range], body: part).status == 201)
                    content += part
                }
                let put = try await box.registry("PUT", "\(path)?digest=\(ContentDigest.of(content))", body: [])
                #expect(put.status == status)
                if status == 400 { #expect(put.text.contains("All layer parts except the last part should be at least 5MB")) }
            }
        }
    }

    @Test func `a chunk out of order is 416 and says where to continue`() async throws {
        try await Self.run { box in
            let path = try box.path(try await box.registry("POST", "/v2/app/blobs/uploads/"))
            _ = try await box.registry("PATCH", path, fields: [("Content-Range", "0-99")], body: Self.bytes(100))
            let again = try await box.registry("PATCH", path, fields: [("Content-Range", "0-99")], body: Self.bytes(100))
            #expect(again.status == 416)
            #expect(again.text.contains("First byte of the layer part is 0 instead of 100"))
        }
    }

    @Test func `a chunk above 10 MiB has its connection reset, a streamed body of that size does not`() async throws {
        try await Self.run { box in
            let content = Self.bytes((10 << 20) + 1)
            let path = try box.path(try await box.registry("POST", "/v2/app/blobs/uploads/"))
            await #expect(throws: TransportError.self) {
                try await box.registry("PATCH", path, fields: [("Content-Range", "0-\(content.count - 1)")], body: content)
            }
            #expect(try await box.registry("PATCH", path, body: content).status == 201)
        }
    }

    @Test func `Range can stay at the first chunk's, by a quirk`() async throws {
        try await Self.run([.staleRange: true]) { box in
            let path = try box.path(try await box.registry("POST", "/v2/app/blobs/uploads/"))
            for _ in 0..<2 { #expect(try await box.registry("PATCH", path, body: Self.bytes(100)).fields["range"] == "0-99") }
        }
    }

    @Test func `an upload without bytes, or of another digest, is rejected`() async throws {
        try await Self.run { box in
            var path = try box.path(try await box.registry("POST", "/v2/app/blobs/uploads/"))
            let empty = try await box.registry("PUT", "\(path)?digest=\(ContentDigest.of([]))", body: [])
            #expect(empty.status == 400)
            #expect(empty.text.contains("cannot be completed because it does not have any parts"))
            path = try box.path(try await box.registry("POST", "/v2/app/blobs/uploads/"))
            let other = try await box.registry("PUT", "\(path)?digest=\(ContentDigest.of([1]))", body: [2])
            #expect(other.status == 400)
            #expect(other.text.contains("None of the provided layer digests match the calculated layer digest"))
        }
    }

    @Test func `a session belongs to its repository`() async throws {
        try await Self.run { box in
            _ = try await box.api("CreateRepository", "{\"repositoryName\":\"other\"}")
            let path = try box.path(try await box.registry("POST", "/v2/app/blobs/uploads/"))
            let moved = path.replacing("/v2/app/", with: "/v2/other/")
            #expect(try await box.registry("PATCH", moved, body: [1]).status == 404)
            #expect(try await box.registry("PATCH", path, body: [1]).status == 201)
        }
    }

    @Test func `a mount is a new session, unless the account has mounting on`() async throws {
        try await Self.run { box in
            _ = try await box.api("CreateRepository", "{\"repositoryName\":\"other\"}")
            let (_, layer) = try await box.push([1, 2, 3], to: "app", as: "1")
            let path = "/v2/other/blobs/uploads/?mount=\(layer)&from=app"
            #expect(try await box.registry("POST", path).status == 202)
            #expect(try await box.registry("HEAD", "/v2/other/blobs/\(layer)").status == 404)
            try await box.control("POST", "/quirks", "{\"blob_mounting\":true}")
            let mounted = try await box.registry("POST", path)
            #expect(mounted.status == 201)
            #expect(try box.path(mounted) == "/v2/other/blobs/\(layer)")
            #expect(try await box.registry("HEAD", "/v2/other/blobs/\(layer)").status == 200)
            // Only what a manifest of the source refers to can be mounted.
            let loose = try await box.upload([9], to: "app")
            #expect(try await box.registry("POST", "/v2/other/blobs/uploads/?mount=\(loose)&from=app").status == 202)
        }
    }

    @Test func `a missing repository is a 404, dropped or created, by quirks`() async throws {
        try await TestSandbox.run { box in
            let response = try await box.registry("POST", "/v2/nope/blobs/uploads/")
            #expect(response.status == 404)
            #expect(response.code == "NAME_UNKNOWN")
            #expect(response.text.contains("The repository with name 'nope' does not exist in the registry with id '123456789012'"))
            try await box.control("POST", "/quirks", "{\"missing_repository_dropped\":true}")
            await #expect(throws: TransportError.self) { try await box.registry("POST", "/v2/nope/blobs/uploads/") }
            try await box.control("POST", "/quirks", "{\"missing_repository_dropped\":false,\"create_on_push\":true}")
            #expect(try await box.registry("POST", "/v2/nope/blobs/uploads/").status == 202)
            #expect(try await box.registry("GET", "/v2/nope/tags/list").status == 200)
        }
    }
}
