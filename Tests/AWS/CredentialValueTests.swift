import Configuration
import Crypto
import Foundation
import Testing
import Transport

@testable import AWS

/// Values that sources give: empty tokens, line ends, and credentials that cannot sign.
@Suite(.timeLimit(.minutes(1))) struct CredentialValueTests {
    private let fixture = TestSources()
    private static let end = "2999-01-01T00:00:00Z"

    private func credentials(_ source: any CredentialSource) async throws -> Credentials {
        guard case .found(let credentials) = try await source.find() else {
            throw CredentialError(source: source.name, message: "absent")
        }
        return credentials
    }

    /// Stands for the container agent, the metadata service, STS and the SSO portal, each with an empty token.
    private static func response(_ request: ScriptedServer.Request) -> ScriptedServer.Response {
        let keys = #""AccessKeyId":"AK","SecretAccessKey":"s","Token":"","Expiration":"\#(end)""#
        switch request.target {
        case "/container": return .init(body: "{\(keys)}")
        case "/latest/api/token": return .init(body: "session")
        case "/latest/meta-data/iam/security-credentials/": return .init(body: "pull")
        case "/latest/meta-data/iam/security-credentials/pull": return .init(body: #"{"Code":"Success",\#(keys)}"#)
        case "/":
            let session = "<AccessKeyId>AK</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken></SessionToken>"
            return .init(body: "<Credentials>\(session)<Expiration>\(end)</Expiration></Credentials>")
        default:
            return .init(
                body:
                    #"{"roleCredentials":{"accessKeyId":"AK","secretAccessKey":"s","sessionToken":"","expiration":32472144000000}}"#
            )
        }
    }

    @Test func `an empty session token of any source counts as none`() async throws {
        let server = try ScriptedServer(Self.response)
        let cached = Hexadecimal.string(of: SHA1.digest(of: Array("https://x".utf8)))
        let files = try TemporaryFiles([
            "token": "a.b.c", "output": #"{"Version":1,"AccessKeyId":"AK","SecretAccessKey":"s","SessionToken":""}"#,
        ])
        let cache = files.directory.appending(path: ".aws/sso/cache")
        try FileManager.default.createDirectory(at: cache, withIntermediateDirectories: true)
        try Data(#"{"accessToken":"bearer","expiresAt":"\#(Self.end)"}"#.utf8).write(to: cache.appending(path: "\(cached).json"))
        let config = """
            [profile keys]
            aws_access_key_id = AK
            aws_secret_access_key = s
            aws_session_token =
            [profile process]
            credential_process = cat \(files.path("output"))
            [profile role]
            role_arn = arn:aws:iam::1:role/r
            source_profile = keys
            [profile web]
            role_arn = arn:aws:iam::1:role/w
            web_identity_token_file = \(files.path("token"))
            [profile sso]
            sso_start_url = https://x
            sso_region = eu-west-1
            sso_account_id = 1
            sso_role_name = Pull
            """
        try Data(config.utf8).write(to: URL(filePath: files.path("config")))
        let environment = [
            "HOME": files.directory.path, "AWS_CONFIG_FILE": files.path("config"), "AWS_ENDPOINT_URL_SSO": server.url.description,
            "AWS_ACCESS_KEY_ID": "AK", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "\n",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": "\(server.url)container",
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": server.url.description,
        ]
        let sources = fixture.make(environment, sts: server.url)
        var all: [(Settings.Credentials.Source, String?)] = ["keys", "process", "role", "web", "sso"].map { (.profile, $0) }
        all += [.environment, .container, .instance].map { ($0, nil) }
        for (source, profile) in all {
            let found = try await credentials(sources.source(source, profile: profile))
            #expect(found.accessKeyID == "AK" && found.sessionToken == nil, "\(source) \(profile ?? "")")
            let request = RequestToSign(method: "POST", path: "/", fields: [("Host", "x")], body: [])
            let fields = SigV4(region: "eu-west-1", service: "ecr").fields(signing: request, with: found, at: Date())
            #expect(!fields.contains { $0.name == "X-Amz-Security-Token" }, "\(source) \(profile ?? "")")
        }
        // The role was assumed with keys whose token is empty, so none was sent.
        #expect(server.requests.allSatisfy { $0.fields["x-amz-security-token"] == nil })
    }

    @Test func `line ends around the values of variables are removed`() async throws {
        let server = try ScriptedServer { request in
            request.fields["authorization"] == "pod token" ? Self.response(request) : .init(status: 401)
        }
        let files = try TemporaryFiles(["config": "[profile ci]\naws_access_key_id = AKCI\naws_secret_access_key = s\n"])
        let environment = [
            "AWS_ACCESS_KEY_ID": "AK\n", "AWS_SECRET_ACCESS_KEY": " s\r\n", "AWS_SESSION_TOKEN": "t\n",
            "AWS_CREDENTIAL_EXPIRATION": "\(Self.end)\n", "AWS_PROFILE": "ci\n", "AWS_CONFIG_FILE": "\(files.path("config"))\n",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": "\(server.url)container\r\n",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": "pod token\n",
        ]
        let sources = fixture.make(environment)
        let own = try await credentials(sources.source(.environment))
        #expect(own.accessKeyID == "AK" && own.secretAccessKey.reveal == "s" && own.sessionToken?.reveal == "t")
        #expect(try await credentials(sources.source(.profile)).accessKeyID == "AKCI")
        #expect(try await credentials(sources.source(.container)).accessKeyID == "AK")
    }

    @Test(arguments: [
        ("A\\nK", "s", "t", "the access key id contains white space, a line break"),
        ("AK", "", "t", "the secret access key is empty"),
        ("AK", "s", "t t", "the session token contains white space"), ("", "s", "", "the access key id is empty"),
    ]) func `credentials that cannot sign are an error that says why`(
        _ key: String, _ secret: String, _ token: String, _ words: String
    ) async throws {
        let document = #"{"Version":1,"AccessKeyId":"\#(key)","SecretAccessKey":"\#(secret)","SessionToken":"\#(token)"}"#
        let files = try TemporaryFiles(["output": document])
        let process = CredentialProcess(command: "cat \(files.path("output"))", place: "config:1")
        let keeper = CredentialKeeper(loop: fixture.loop, source: process, log: fixture.log)
        let error = await #expect(throws: CredentialError.self) { try await keeper.credentials() }
        #expect(error?.message.contains("process (config:1): \(words)") == true, "\(error?.message ?? "")")
    }

    // MARK: Advice in errors

    @Test func `a missing profile is an error that names the setting that chose it`() async throws {
        for (profile, environment, fix) in [
            ("gone", ["AWS_PROFILE": "other"], "name another in credentials.profile of the configuration"),
            (nil, ["AWS_PROFILE": "gone"], "name another in AWS_PROFILE"),
            (nil, ["AWS_DEFAULT_PROFILE": "gone"], "name another in AWS_DEFAULT_PROFILE"),
        ] as [(String?, [String: String], String)] {
            let source = fixture.make(environment.merging(["HOME": "/nonexistent"]) { $1 }).source(.profile, profile: profile)
            let error = await #expect(throws: CredentialError.self) { try await source.find() }
            #expect(error?.message.hasPrefix("no profile gone in ") == true && error?.message.hasSuffix(fix) == true)
        }
    }

    @Test(arguments: [
        (403, "", "gives no list of roles (status 403); turn the service on"), (503, "", "(status 503); try again later"),
        (200, "<html> of a proxy", "is not a list of roles"),
    ]) func `a metadata service that lists no roles is an error that says what to do`(
        _ status: Int, _ body: String, _ words: String
    ) async throws {
        let server = try ScriptedServer { $0.method == "PUT" ? .init(body: "session") : .init(status: status, body: body) }
        let environment = ["AWS_EC2_METADATA_SERVICE_ENDPOINT": server.url.description]
        let error = await #expect(throws: CredentialError.self) { try await fixture.make(environment).source(.instance).find() }
        #expect(error?.message.contains(words) == true && error?.message.contains(server.url.hostField) == true)
    }
}
