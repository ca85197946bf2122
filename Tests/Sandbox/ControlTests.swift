import Testing
import Transport

@testable import Sandbox

struct ControlTests {
    private struct Stats: Decodable {
        var authorization_tokens: Int, blob_gets: Int, expired_token_answers: Int, open_connections: Int, open_uploads: Int,
            most_registry_requests_at_once: Int
        var requests: [String: Int]
    }

    @Test func `events are counted`() async throws {
        try await LayerBucketTests.run { box, url in
            _ = try await box.bucket("GET", url)
            try await box.control("POST", "/tokens/expire")
            _ = try await box.registry("HEAD", "/v2/app/manifests/1")
            let stats = try await box.control("GET", "/stats").json(Stats.self)
            #expect(stats.authorization_tokens == 1)
            #expect(stats.blob_gets == 1)
            #expect(stats.expired_token_answers == 1)
            #expect(stats.open_connections >= 1)
            #expect(stats.open_uploads == 0)
            #expect(stats.most_registry_requests_at_once == 1)
            #expect(stats.requests["registry.upload_put"] == 2)
            #expect(stats.requests["registry.manifest_head"] == 1)
            #expect(stats.requests["s3.get"] == 1)
            #expect(stats.requests["api.GetAuthorizationToken"] == 1)
        }
    }

    @Test func `an unknown quirk is rejected with the names of all quirks`() async throws {
        try await TestSandbox.run { box in
            let response = try await box.control("POST", "/quirks", "{\"patch_creatd\":false}")
            #expect(response.status == 400)
            for quirk in Quirk.allCases { #expect(response.text.contains(quirk.rawValue)) }
            for body in ["{\"patch_created\":1}", "[]", "x"] {
                #expect(try await box.control("POST", "/quirks", body).status == 400)
            }
            let states = try await box.control("GET", "/quirks").json([String: Bool].self)
            #expect(states == Dictionary(uniqueKeysWithValues: Quirk.allCases.map { ($0.rawValue, $0.isOnByDefault) }))
        }
    }

    @Test(arguments: [
        ("{}", "where: write one of registry, api, s3, metadata"),
        (#"{"where":"moon","kind":"reset"}"#, "where: write one of registry, api, s3, metadata"),
        (#"{"where":"control","kind":"reset"}"#, "where: write one of"),
        (#"{"where":"api"}"#, "kind: missing; write reset, stall, truncate, status or corrupt"),
        (#"{"where":"api","kind":"explode"}"#, "kind: write reset, stall"),
        (#"{"where":"api","kind":"reset","time":3}"#, "time: unknown key; there are after_bytes, kind, match"),
        (#"{"where":"api","kind":"status","status":"503"}"#, "status: write a number from 100 to 599"),
        ("[]", "the body is not an object"), ("where=api", "the body is not what /faults takes: "),
        (#"{"where":"api","kind":"reset","share":1.5}"#, "share: 0 to 1"),
        (#"{"where":"api","kind":"status","status":99}"#, "status: 100 to 599"),
        (#"{"where":"api","kind":"reset","after_bytes":-1}"#, "after_bytes: not negative"),
    ])
    func `an invalid fault is rejected with what is allowed`(fault: String, said: String) async throws {
        try await TestSandbox.run { box in
            let response = try await box.control("POST", "/faults", fault)
            #expect(response.status == 400)
            #expect(response.text.contains("\"error\"") && response.text.contains(said), "\(response.text)")
        }
    }

    @Test func `a fault is injected into matching requests, as often as it says`() async throws {
        try await RegistryUploadTests.run { box in
            try await box.control(
                "POST", "/faults",
                "{\"where\":\"registry\",\"match\":{\"method\":\"GET\",\"path_prefix\":\"/v2/app/\"},\"kind\":\"status\",\"status\":503,\"times\":2}"
            )
            #expect(try await box.registry("GET", "/v2/").status == 200)
            for status in [503, 503, 200] { #expect(try await box.registry("GET", "/v2/app/tags/list").status == status) }
            try await box.control("POST", "/faults", "{\"where\":\"registry\",\"kind\":\"status\",\"status\":429,\"times\":-1}")
            for _ in 0..<3 { #expect(try await box.registry("GET", "/v2/").code == "TOOMANYREQUESTS") }
            try await box.control("DELETE", "/faults")
            #expect(try await box.registry("GET", "/v2/").status == 200)
        }
    }

    @Test func `a fault with a share hits that part of the requests, the same ones each time`() async throws {
        try await RegistryUploadTests.run { box in
            var runs: [[Int]] = []
            for _ in 0..<2 {
                try await box.control(
                    "POST", "/faults", "{\"where\":\"registry\",\"kind\":\"status\",\"status\":503,\"times\":-1,\"share\":0.25}")
                var statuses: [Int] = []
                for _ in 0..<80 { statuses.append(try await box.registry("GET", "/v2/").status) }
                runs.append(statuses)
                try await box.control("DELETE", "/faults")
            }
            #expect((8...35).contains(runs[0].count { $0 == 503 }))
            #expect(runs[0] == runs[1])
        }
    }

    @Test func `a status fault has the service's own error format`() async throws {
        try await LayerBucketTests.run { box, url in
            try await box.control("POST", "/faults", "{\"where\":\"api\",\"kind\":\"status\",\"status\":429}")
            let throttled = try await box.api("GetAuthorizationToken", "{}")
            #expect(throttled.status == 400)
            #expect(throttled.text.contains("\"__type\":\"ThrottlingException\""))
            try await box.control("POST", "/faults", "{\"where\":\"api\",\"kind\":\"status\",\"status\":500}")
            #expect(try await box.api("GetAuthorizationToken", "{}").text.contains("ServerException"))
            try await box.control("POST", "/faults", "{\"where\":\"s3\",\"kind\":\"status\",\"status\":503}")
            #expect(try await box.bucket("GET", url).text.contains("<Code>SlowDown</Code>"))
        }
    }

    @Test func `a response is reset, truncated or corrupted at the given byte`() async throws {
        try await LayerBucketTests.run { box, url in
            try await box.control("POST", "/faults", "{\"where\":\"s3\",\"kind\":\"truncate\",\"after_bytes\":300000}")
            let short = try await box.bucket("GET", url)
            #expect(short.isTruncated)
            #expect(short.body == Array(LayerBucketTests.content[..<300_000]))

            try await box.control("POST", "/faults", "{\"where\":\"s3\",\"kind\":\"corrupt\",\"after_bytes\":400000}")
            let false_ = try await box.bucket("GET", url)
            #expect(false_.body.count == 700_000)
            #expect(zip(false_.body, LayerBucketTests.content).enumerated().filter { $1.0 != $1.1 }.map(\.offset) == [400_000])

            try await box.control("POST", "/faults", "{\"where\":\"s3\",\"kind\":\"reset\",\"after_bytes\":500000}")
            #expect(try await box.bucket("GET", url).isTruncated)
            try await box.control("POST", "/faults", "{\"where\":\"s3\",\"kind\":\"reset\"}")
            await #expect(throws: TransportError.self) { try await box.bucket("GET", url) }
            #expect(try await box.bucket("GET", url).body == LayerBucketTests.content)
        }
    }

    @Test func `an upload that is reset in the middle loses its session`() async throws {
        try await RegistryUploadTests.run { box in
            let path = try box.path(try await box.registry("POST", "/v2/app/blobs/uploads/"))
            try await box.control(
                "POST", "/faults",
                "{\"where\":\"registry\",\"match\":{\"method\":\"PATCH\"},\"kind\":\"reset\",\"after_bytes\":1000000}")
            await #expect(throws: TransportError.self) {
                try await box.registry("PATCH", path, body: RegistryUploadTests.bytes(3_000_000))
            }
            #expect(try await box.registry("PATCH", path, body: [1]).status == 404)
        }
    }

    @Test func `a stall lasts for the given time`() async throws {
        try await LayerBucketTests.run { box, url in
            try await box.control("POST", "/faults", "{\"where\":\"s3\",\"kind\":\"stall\",\"after_bytes\":100000,\"seconds\":0.2}")
            let start = ContinuousClock.now
            #expect(try await box.bucket("GET", url).body == LayerBucketTests.content)
            #expect(ContinuousClock.now - start >= .milliseconds(200))
        }
    }
}
