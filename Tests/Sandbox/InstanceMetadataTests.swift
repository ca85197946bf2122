import Testing

@testable import Sandbox

/// ECR 4.5. `BotocoreTests` uses the credentials.
struct InstanceMetadataTests {
    private static let path = "/latest/meta-data/iam/security-credentials/"

    @Test func `version 2 requires a session token, and version 1 is off by default`() async throws {
        try await TestSandbox.run { box in
            #expect(try await box.metadata("GET", Self.path).status == 401)
            #expect(try await box.metadata("PUT", "/latest/api/token").status == 400)
            let ttl = ("x-aws-ec2-metadata-token-ttl-seconds", "60")
            let token = try await box.metadata("PUT", "/latest/api/token", fields: [ttl]).text
            let field = ("x-aws-ec2-metadata-token", token)
            #expect(try await box.metadata("GET", Self.path, fields: [field]).text == "sandbox-instance")
            #expect(try await box.metadata("GET", "/latest/meta-data/placement/region", fields: [field]).text == "eu-west-1")
            #expect(try await box.metadata("GET", Self.path + "nobody", fields: [field]).status == 404)
            #expect(try await box.metadata("GET", Self.path, fields: [("x-aws-ec2-metadata-token", token + "0")]).status == 401)
            try await box.control("POST", "/clock", "{\"offset_seconds\":61}")
            #expect(try await box.metadata("GET", Self.path, fields: [field]).status == 401)
            try await box.control("POST", "/quirks", "{\"metadata_v1\":true}")
            #expect(try await box.metadata("GET", Self.path).status == 200)
        }
    }

    @Test func `credentials stay the same until they are about to expire`() async throws {
        struct Credentials: Decodable { var Code, AccessKeyId, Expiration: String }
        try await TestSandbox.run([.metadataV1: true]) { box in
            func fetch() async throws -> Credentials {
                try await box.metadata("GET", Self.path + "sandbox-instance").json(Credentials.self)
            }
            let first = try await fetch()
            #expect(first.Code == "Success")
            #expect(try await fetch().AccessKeyId == first.AccessKeyId)
            try await box.control("POST", "/clock", "{\"offset_seconds\":21000}")
            let second = try await fetch()
            #expect(second.AccessKeyId != first.AccessKeyId)
            #expect(second.Expiration > first.Expiration)
            try await box.control("POST", "/credentials", "{\"expire\":true}")
            #expect(try await fetch().AccessKeyId != second.AccessKeyId)
        }
    }
}
