import Configuration
import Crypto
import Foundation
import Testing
import Transport

@testable import AWS

@Suite final class InstanceMetadataTests {
    private let loop = EventLoop()
    init() { loop.start(named: "imds") }
    deinit { loop.stop() }

    private static let document = """
        {"Code":"Success","LastUpdated":"2026-01-01T00:00:00Z","Type":"AWS-HMAC","AccessKeyId":"ASIA","SecretAccessKey":"shh",
        "Token":"tok","Expiration":"2026-01-01T06:00:00Z"}
        """

    /// The service as AWS runs it: it responds only to requests with a session token.
    private static func response(_ request: ScriptedServer.Request, roles: String = "pull\n", document: String = document)
        -> ScriptedServer.Response
    {
        switch (request.method, request.target) {
        case ("PUT", "/latest/api/token"):
            guard request.fields["x-aws-ec2-metadata-token-ttl-seconds"] == "21600", request.fields["content-length"] == "0" else {
                return .init(status: 400)
            }
            return .init(body: "session==")
        case ("GET", _) where request.fields["x-aws-ec2-metadata-token"] != "session==": return .init(status: 401)
        case ("GET", "/latest/meta-data/iam/security-credentials/"): return .init(status: roles.isEmpty ? 404 : 200, body: roles)
        case ("GET", "/latest/meta-data/iam/security-credentials/pull"): return .init(body: document)
        default: return .init(status: 404)
        }
    }

    private func source(_ endpoint: String, _ more: [String: String] = [:]) -> InstanceMetadata {
        let environment = ["AWS_EC2_METADATA_SERVICE_ENDPOINT": endpoint].merging(more) { $1 }
        return InstanceMetadata(httpClient: HTTPClient(loop: loop), environment: environment)
    }

    @Test func `the role of the instance is found with version 2`() async throws {
        let server = try ScriptedServer { Self.response($0) }
        for endpoint in [server.url.description, "http://127.0.0.1:\(server.port)"] {
            guard case .found(let found) = try await source(endpoint).find() else {
                Issue.record("absent")
                return
            }
            #expect(found.accessKeyID == "ASIA" && found.secretAccessKey.reveal == "shh" && found.sessionToken?.reveal == "tok")
            #expect(found.expiration == Date(timeIntervalSince1970: 1_767_247_200))
            #expect(found.source == "instance metadata, role pull")
        }
    }

    @Test func `version 1 is used where there is no version 2`() async throws {
        let server = try ScriptedServer { request in
            if request.method == "PUT" { return .init(status: 404) }
            return request.fields["x-aws-ec2-metadata-token"] == nil && request.target.hasSuffix("/pull")
                ? .init(body: Self.document) : .init(body: "pull")
        }
        guard case .found(let found) = try await source(server.url.description).find() else {
            Issue.record("absent")
            return
        }
        #expect(found.accessKeyID == "ASIA")
    }

    @Test func `an absent metadata service or role is reported with the reason`() async throws {
        let server = try ScriptedServer { Self.response($0, roles: "") }
        let off = try ScriptedServer { $0.method == "PUT" ? .init(status: 403) : .init(status: 404) }
        let silent = try ScriptedServer { $0.method == "PUT" ? .init(status: 405) : .init(status: 401) }
        // 192.0.2.0/24 is unassigned (RFC 5737); a closed port stands for a machine outside of EC2.
        let cases = [
            (source("http://127.0.0.1:1"), "no response from 127.0.0.1:1"), (source(server.url.description), "no role"),
            (source(off.url.description), "no role"), (source(silent.url.description), "wants a session token"),
            (source("http://127.0.0.1:1", ["AWS_EC2_METADATA_DISABLED": "TRUE"]), "DISABLED is true"),
        ]
        for (source, words) in cases {
            guard case .absent(let reason) = try await source.find() else {
                Issue.record("not absent: \(words)")
                continue
            }
            #expect(reason.contains(words), "\(reason)")
        }
    }

    @Test func `version 1 is an error where the environment disables it`() async throws {
        let old = try ScriptedServer { $0.method == "PUT" ? .init(status: 404) : .init(body: "pull") }
        let error = await #expect(throws: CredentialError.self) {
            try await source(old.url.description, ["AWS_EC2_METADATA_V1_DISABLED": "true"]).find()
        }
        #expect(error?.message.contains("V1_DISABLED is true") == true)
    }

    @Test(arguments: [
        (#"{"Code":"AssumeRoleUnauthorizedAccess","Message":"EC2 cannot assume the role x"}"#, "trust policy"), ("<html>", "JSON"),
        (#"{"Code":"Success","AccessKeyId":"A"}"#, "lack"),
    ]) func `a response without credentials is an error`(_ document: String, _ words: String) async throws {
        let server = try ScriptedServer { Self.response($0, document: document) }
        let error = await #expect(throws: CredentialError.self) { try await source(server.url.description).find() }
        #expect(error?.message.contains(words) == true)
    }

    @Test func `the chain uses the first source with credentials and says why it skipped the others`() async throws {
        let server = try ScriptedServer { Self.response($0) }
        let home = try TemporaryFiles()
        var environment = ["HOME": home.directory.path, "AWS_EC2_METADATA_SERVICE_ENDPOINT": server.url.description]
        let fixture = TestSources()
        guard case .found(let role) = try await fixture.make(environment).source().find() else {
            Issue.record("the role was not found")
            return
        }
        #expect(role.accessKeyID == "ASIA")

        environment["AWS_EC2_METADATA_DISABLED"] = "true"
        guard case .absent(let reasons) = try await fixture.make(environment).source().find() else {
            Issue.record("found somewhere")
            return
        }
        for words in ["environment: AWS_ACCESS_KEY_ID", "profile: no profile default", "instance: AWS_EC2_METADATA_DISABLED"] {
            #expect(reasons.contains(words), "\(reasons)")
        }

        (environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"]) = ("AKENV", "env")
        guard case .found(let keys) = try await fixture.make(environment).source().find() else {
            Issue.record("the environment was not found")
            return
        }
        #expect(keys.accessKeyID == "AKENV")
        // The configuration's profile takes precedence over the environment's keys.
        let chosen = fixture.make(environment).source(profile: "ci")
        let missing = await #expect(throws: CredentialError.self) { try await chosen.find() }
        #expect(missing?.message.contains("no profile ci") == true)
    }
}
