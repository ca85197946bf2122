import Configuration
import Crypto
import Foundation
import Synchronization
import Testing
import Transport

@testable import AWS

/// Roles and web identities, with an STS of its own.
@Suite(.timeLimit(.minutes(1))) struct RoleTests {
    private let fixture = TestSources()
    private static let end = "2999-01-01T00:00:00Z"

    /// An STS that names each session after its role and denies the role `denied`.
    private static func sts() throws -> ScriptedServer {
        try ScriptedServer { request in
            let form = Dictionary(
                request.body.split(separator: "&").map { pair in
                    let parts = pair.split(separator: "=", maxSplits: 1)
                    return (String(parts[0]), parts.count > 1 ? String(parts[1]).removingPercentEncoding ?? "" : "")
                }, uniquingKeysWith: { $1 })
            let role = form["RoleArn"]?.split(separator: "/").last.map(String.init) ?? ""
            let action = form["Action"] ?? ""
            guard role != "denied" else {
                return .init(
                    status: 403, fields: ["Content-Type": "text/xml"],
                    body:
                        "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>"
                )
            }
            let by =
                request.fields["authorization"].map { $0.split(separator: "/")[0].split(separator: "=").last ?? "" } ?? "nobody"
            return .init(
                fields: ["Content-Type": "text/xml"],
                body: """
                    <\(action)Response><\(action)Result><Credentials><AccessKeyId>AS-\(role)-by-\(by)</AccessKeyId>
                    <SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>\(end)</Expiration></Credentials>
                    </\(action)Result></\(action)Response>
                    """)
        }
    }

    @Test func `chained roles are assumed one with the other`() async throws {
        let sts = try Self.sts()
        let files = try TemporaryFiles([
            "config": """
            [profile three]
            role_arn = arn:aws:iam::123456789012:role/three
            source_profile = two
            external_id = e/x
            [profile two]
            role_arn = arn:aws:iam::123456789012:role/two
            source_profile = one
            [profile one]
            role_arn = arn:aws:iam::123456789012:role/one
            source_profile = keys
            [profile keys]
            aws_access_key_id = AKIA
            aws_secret_access_key = s
            """
        ])
        let environment = ["AWS_CONFIG_FILE": files.path("config"), "AWS_SHARED_CREDENTIALS_FILE": files.path("none")]
        let sources = fixture.make(environment, sts: sts.url)
        let source = sources.source(.profile, profile: "three", role: AssumedRole(arn: "arn:aws:iam::123456789012:role/four"))
        let found = try await fixture.credentials(source)
        #expect(found.accessKeyID == "AS-four-by-AS-three-by-AS-two-by-AS-one-by-AKIA")
        #expect(found.source.hasPrefix("role arn:aws:iam::123456789012:role/four, by role "))
        #expect(sts.requests.count == 4 && sts.requests[2].body.contains("&ExternalId=e%2Fx"))
        // The sessions of the roles below are kept: another search assumes only the last role.
        _ = try await fixture.credentials(source)
        #expect(sts.requests.count == 5)
        // A changed file takes effect at once.
        try Data("[profile three]\naws_access_key_id = AKNEW\naws_secret_access_key = s\n".utf8).write(
            to: URL(filePath: files.path("config")))
        #expect(try await fixture.credentials(sources.source(.profile, profile: "three")).accessKeyID == "AKNEW")
    }

    @Test func `a role that may not be assumed is an error that says what to allow`() async throws {
        let sts = try Self.sts()
        let sources = fixture.make(["AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "shh"], sts: sts.url)
        let source = sources.source(.environment, role: AssumedRole(arn: "arn:aws:iam::123456789012:role/denied"))
        let error = await #expect(throws: CredentialError.self) { try await fixture.credentials(source) }
        #expect(error?.message.contains("allow sts:AssumeRole on the role") == true, "\(error?.message ?? "")")
        #expect(error?.message.contains("trust policy") == true && error?.message.contains("shh") == false)
        let none = fixture.make([:], sts: sts.url).source(
            .environment, role: AssumedRole(arn: "arn:aws:iam::123456789012:role/x"))
        let absent = await #expect(throws: CredentialError.self) { try await fixture.credentials(none) }
        #expect(absent?.message.contains("AWS_ACCESS_KEY_ID") == true)
    }

    @Test func `a call with a web identity is not signed, and the token file is read each time`() async throws {
        let sts = try Self.sts()
        let files = try TemporaryFiles(["token": "first.token.x\n"])
        let environment = [
            "AWS_WEB_IDENTITY_TOKEN_FILE": files.path("token"), "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/pod",
            "AWS_ROLE_SESSION_NAME": "pod-1", "HOME": files.directory.path,
        ]
        let source = fixture.make(environment, sts: sts.url).source()
        #expect(try await fixture.credentials(source).accessKeyID == "AS-pod-by-nobody")
        try Data("second.token.y".utf8).write(to: URL(filePath: files.path("token")))
        _ = try await fixture.credentials(source)
        #expect(sts.requests.map { $0.body.contains("WebIdentityToken=first.token.x") } == [true, false])
        #expect(
            sts.requests[1].body.contains("WebIdentityToken=second.token.y")
                && sts.requests[1].body.contains("RoleSessionName=pod-1"))
        #expect(sts.requests[1].fields["authorization"] == nil && sts.requests[1].fields["x-amz-date"] == nil)
        try FileManager.default.removeItem(atPath: files.path("token"))
        let gone = await #expect(throws: CredentialError.self) { try await fixture.credentials(source) }
        #expect(gone?.message.contains(files.path("token")) == true)
        var bare = environment
        bare["AWS_ROLE_ARN"] = nil
        let roleless = await #expect(throws: CredentialError.self) {
            try await fixture.credentials(fixture.make(bare).source(.webIdentity))
        }
        #expect(roleless?.message.contains("set AWS_ROLE_ARN too") == true)
    }
}
