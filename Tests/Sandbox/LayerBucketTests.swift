import Testing

@testable import Sandbox

/// ECR 1.4
struct LayerBucketTests {
    static let content = RegistryUploadTests.bytes(700_000)

    /// - Parameter body: is called with the presigned URL of a pushed layer.
    static func run(_ quirks: [Quirk: Bool] = [:], _ body: (TestSandbox, _ url: String) async throws -> Void) async throws {
        try await RegistryUploadTests.run(quirks) { box in
            let (_, layer) = try await box.push(content, to: "app", as: "1")
            let response = try await box.registry("GET", "/v2/app/blobs/\(layer)")
            #expect(response.status == 307)
            try await body(box, try #require(response.fields["location"]))
        }
    }

    @Test func `a layer is redirected to another host, which serves it`() async throws {
        try await Self.run { box, url in
            #expect(url.hasPrefix("https://prod-eu-west-1-starport-layer-bucket.s3.eu-west-1.amazonaws.com/"))
            #expect(url.contains("X-Amz-Expires=3600&"))
            let got = try await box.bucket("GET", url)
            #expect(got.status == 200)
            #expect(got.body == Self.content)
            #expect(got.fields["accept-ranges"] == "bytes")
        }
    }

    @Test func `a layer that no manifest refers to is found by HEAD and not by GET`() async throws {
        try await RegistryUploadTests.run { box in
            let layer = try await box.upload([1, 2, 3], to: "app")
            #expect(try await box.registry("HEAD", "/v2/app/blobs/\(layer)").status == 200)
            #expect(try await box.registry("GET", "/v2/app/blobs/\(layer)").status == 404)
            try await box.control("POST", "/quirks", "{\"unreferenced_blob_hidden\":false}")
            #expect(try await box.registry("GET", "/v2/app/blobs/\(layer)").status == 307)
            try await box.control("POST", "/quirks", "{\"blob_redirect\":false}")
            #expect(try await box.registry("GET", "/v2/app/blobs/\(layer)").body == [1, 2, 3])
        }
    }

    @Test(arguments: [
        ("bytes=0-99", 206, 0..<100), ("bytes=699990-", 206, 699_990..<700_000), ("bytes=-5", 206, 699_995..<700_000),
        ("bytes=699999-9999999", 206, 699_999..<700_000), ("bytes=0-1,5-6", 200, 0..<700_000), ("bytes=9-1", 200, 0..<700_000),
        ("lines=1-2", 200, 0..<700_000),
    ])
    func `one range is served, several give the whole`(range: String, status: Int, expected: Range<Int>) async throws {
        try await Self.run { box, url in
            let got = try await box.bucket("GET", url, fields: [("Range", range)])
            #expect(got.status == status)
            #expect(got.body == Array(Self.content[expected]))
            let place = "bytes \(expected.lowerBound)-\(expected.upperBound - 1)/700000"
            #expect(got.fields["content-range"] == (status == 206 ? place : nil))
        }
    }

    @Test func `any request but a presigned GET is rejected in XML`() async throws {
        try await Self.run { box, url in
            let bare = String(url.prefix { $0 != "?" })
            let cases: [(String, String, [(String, String)], Int, String)] = [
                ("GET", url, [("Authorization", "Basic QVdTOng=")], 400, "<Code>InvalidArgument</Code>"),
                ("GET", url + "0", [], 403, "<Code>SignatureDoesNotMatch</Code>"),
                ("GET", bare, [], 403, "<Code>AccessDenied</Code><Message>Access Denied</Message>"),
                ("GET", url.replacing("3600", with: "7200"), [], 403, "<Code>SignatureDoesNotMatch</Code>"),
                ("GET", url, [("Range", "bytes=700000-")], 416, "<Code>InvalidRange</Code>"),
            ]
            for (method, target, fields, status, text) in cases {
                let response = try await box.bucket(method, target, fields: fields)
                #expect(response.status == status)
                #expect(response.fields["content-type"] == "application/xml")
                #expect(response.text.contains(text))
            }
            #expect(try await box.bucket("HEAD", url).status == 403)
        }
    }

    @Test func `a URL expires after an hour, or on demand`() async throws {
        try await Self.run { box, url in
            for (offset, status) in [(3590, 200), (3700, 403)] {
                try await box.control("POST", "/clock", "{\"offset_seconds\":\(offset)}")
                let response = try await box.bucket("GET", url)
                #expect(response.status == status)
                if status == 403 { #expect(response.text.contains("<Message>Request has expired</Message>")) }
            }
            try await box.control("POST", "/clock", "{\"offset_seconds\":0}")
            try await box.control("POST", "/urls/expire")
            #expect(try await box.bucket("GET", url).text.contains("Request has expired"))
            try await box.control("POST", "/quirks", "{\"s3_expired_token\":true}")
            let response = try await box.bucket("GET", url)
            #expect(response.status == 400)
            #expect(response.text.contains("<Code>ExpiredToken</Code>"))
        }
    }

    @Test func `a missing key is NoSuchKey`() async throws {
        try await Self.run { box, url in
            let layer = try #require(
                Files.list("\(box.sandbox.directory)/blobs").first { $0 == ContentDigest.of(Self.content).hex })
            Files.removeAll("\(box.sandbox.directory)/blobs/\(layer)")
            let response = try await box.bucket("GET", url)
            #expect(response.status == 404)
            #expect(response.text.contains("<Code>NoSuchKey</Code>"))
        }
    }

    @Test func `keys have the format of ECR's`() async throws {
        try await Self.run { _, url in
            let path = url.dropFirst("https://".count).drop { $0 != "/" }.prefix { $0 != "?" }
            #expect(path.wholeMatch(of: /\/[0-9a-f]{4}-123456789012-[0-9a-f-]{36}\/[0-9a-f-]{36}/) != nil)
        }
    }
}
