import Crypto
import Foundation
import Synchronization
import Testing
import Transport

@testable import AWS

/// Roles, web identities, containers, single sign-on and processes against live endpoints.
@Suite(.timeLimit(.minutes(1))) struct RoleTests {
    private let sources = TestSources()
    private static let end = "2999-01-01T00:00:00Z"

    /// STS that names each session after its role and counts its calls; refuses the role `denied`.
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

    private func key(_ source: any CredentialSource) async throws -> Credentials {
        guard case .found(let credentials) = try await source.find() else {
            throw CredentialError(source: source.name, message: "absent")
        }
        return credentials
    }

    @Test func rolesUponRolesAreAssumedOneByTheOther() async throws {
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
        let makers = sources.makers(environment, sts: sts.url)
        let source = try makers.source("profile", profile: "three", role: AssumedRole(arn: "arn:aws:iam::123456789012:role/four"))
        let found = try await key(source)
        #expect(found.accessKeyID == "AS-four-by-AS-three-by-AS-two-by-AS-one-by-AKIA")
        #expect(found.source.hasPrefix("role arn:aws:iam::123456789012:role/four, by role "))
        #expect(sts.requests.count == 4 && sts.requests[2].body.contains("&ExternalId=e%2Fx"))
        // What lies below is kept: another search asks for the last role alone.
        _ = try await key(source)
        #expect(sts.requests.count == 5)
        // A file that changed is followed at once.
        try Data("[profile three]\naws_access_key_id = AKNEW\naws_secret_access_key = s\n".utf8).write(
            to: URL(filePath: files.path("config")))
        #expect(try await key(makers.source("profile", profile: "three")).accessKeyID == "AKNEW")
    }

    @Test func roleThatDeniesSaysWhatToAllow() async throws {
        let sts = try Self.sts()
        let makers = sources.makers(["AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "shh"], sts: sts.url)
        let source = try makers.source("environment", role: AssumedRole(arn: "arn:aws:iam::123456789012:role/denied"))
        let error = await #expect(throws: CredentialError.self) { try await key(source) }
        #expect(error?.message.contains("allow sts:AssumeRole on the role") == true, "\(error?.message ?? "")")
        #expect(error?.message.contains("trust policy") == true && error?.message.contains("shh") == false)
        let none = try sources.makers([:], sts: sts.url).source(
            "environment", role: AssumedRole(arn: "arn:aws:iam::123456789012:role/x"))
        let absent = await #expect(throws: CredentialError.self) { try await key(none) }
        #expect(absent?.message.contains("AWS_ACCESS_KEY_ID") == true)
    }

    @Test func webIdentityIsNotSignedAndItsFileIsReadEachTime() async throws {
        let sts = try Self.sts()
        let files = try TemporaryFiles(["token": "first.token.x\n"])
        let environment = [
            "AWS_WEB_IDENTITY_TOKEN_FILE": files.path("token"), "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/pod",
            "AWS_ROLE_SESSION_NAME": "pod-1", "HOME": files.directory.path,
        ]
        let source = try sources.makers(environment, sts: sts.url).source()
        #expect(try await key(source).accessKeyID == "AS-pod-by-nobody")
        try Data("second.token.y".utf8).write(to: URL(filePath: files.path("token")))
        _ = try await key(source)
        #expect(sts.requests.map { $0.body.contains("WebIdentityToken=first.token.x") } == [true, false])
        #expect(
            sts.requests[1].body.contains("WebIdentityToken=second.token.y")
                && sts.requests[1].body.contains("RoleSessionName=pod-1"))
        #expect(sts.requests[1].fields["authorization"] == nil && sts.requests[1].fields["x-amz-date"] == nil)
        try FileManager.default.removeItem(atPath: files.path("token"))
        let gone = await #expect(throws: CredentialError.self) { try await key(source) }
        #expect(gone?.message.contains(files.path("token")) == true)
        var bare = environment
        bare["AWS_ROLE_ARN"] = nil
        let roleless = await #expect(throws: CredentialError.self) { try await key(sources.makers(bare).source("web_identity")) }
        #expect(roleless?.message.contains("set AWS_ROLE_ARN too") == true)
    }

    // MARK: Container

    private static let document =
        #"{"AccessKeyId":"ASCONTAINER","SecretAccessKey":"s","Token":"t","Expiration":"2999-01-01T00:00:00Z"}"#

    @Test func containerIsAskedWithTheTokenOfItsFile() async throws {
        let agent = try ScriptedServer {
            $0.fields["authorization"] == "pod token" ? .init(body: Self.document) : .init(status: 401)
        }
        let files = try TemporaryFiles(["token": "pod token"])
        var environment = [
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": "\(agent.url)v1/credentials", "AWS_CONTAINER_AUTHORIZATION_TOKEN": "no",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": files.path("token"),
        ]
        #expect(try await key(sources.makers(environment).source("container")).accessKeyID == "ASCONTAINER")
        #expect(agent.requests.first?.target == "/v1/credentials")
        try Data("x\r\nInjected: y".utf8).write(to: URL(filePath: files.path("token")))
        let broken = await #expect(throws: CredentialError.self) { try await key(sources.makers(environment).source("container")) }
        #expect(broken?.message.contains("line break") == true)
        try Data("\n".utf8).write(to: URL(filePath: files.path("token")))
        let empty = await #expect(throws: CredentialError.self) { try await key(sources.makers(environment).source("container")) }
        #expect(empty?.message.hasSuffix("is empty") == true)
        environment["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = nil
        let refused = await #expect(throws: CredentialError.self) { try await key(sources.makers(environment).source("container")) }
        #expect(refused?.message.contains("status 401") == true)
        #expect(agent.requests.count == 2)  // a refusal is not asked again
    }

    /// On ECS whoever knows the path gets the keys.
    @Test func pathOfAContainersCredentialsIsShownNowhere() async throws {
        let agent = try ScriptedServer { $0.target.hasSuffix("good") ? .init(body: Self.document) : .init(status: 404, body: "x") }
        for path in ["secret-path-good", "secret-path-bad"] {
            let environment = ["AWS_CONTAINER_CREDENTIALS_FULL_URI": "\(agent.url)\(path)"]
            do {
                #expect(try await key(sources.makers(environment).source("container")).source.contains("secret-path") == false)
            } catch { #expect("\(error)".contains("secret-path") == false) }
        }
    }

    /// Nobody writes into it: a read that waited would hold the control loop up, and with it every upstream.
    @Test func pipeInThePlaceOfATokenFileHoldsNothingUp() async throws {
        let files = try TemporaryFiles()
        #expect(mkfifo(files.path("token"), 0o600) == 0)
        let environment = ["AWS_WEB_IDENTITY_TOKEN_FILE": files.path("token"), "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/x"]
        let error = await #expect(throws: CredentialError.self) {
            try await key(sources.makers(environment).source("web_identity"))
        }
        #expect(error?.message.contains("is empty") == true)
    }

    @Test func containerTriesAgainWhenTheAgentStumbles() async throws {
        let calls = Atomic(0)
        let agent = try ScriptedServer { _ in
            calls.add(1, ordering: .relaxed).newValue < 3 ? .init(status: 500) : .init(body: Self.document)
        }
        let source = ContainerCredentials(
            caller: HTTPClient(loop: sources.loop),
            environment: ["AWS_CONTAINER_CREDENTIALS_FULL_URI": agent.url.description], sleep: { _ in })
        #expect(try await key(source).sessionToken?.reveal == "t")
    }

    @Test(arguments: [
        ("http://192.0.2.1/x", "plain HTTP"), ("http://127.evil.example/x", "plain HTTP"),
        ("http://169.254.170.2.example/", "plain HTTP"),
        ("ftp://127.0.0.1/", "is not an address"),
    ]) func containerOverPlainHTTPIsTheMachinesOwn(_ uri: String, _ words: String) async {
        let environment = ["AWS_CONTAINER_CREDENTIALS_FULL_URI": uri]
        let error = await #expect(throws: CredentialError.self) { try await key(sources.makers(environment).source("container")) }
        #expect(error?.message.contains(words) == true, "\(error?.message ?? "")")
    }

    // MARK: Single sign-on

    @Test func singleSignOnUsesTheCachedToken() async throws {
        let portal = try ScriptedServer { request in
            request.fields["x-amz-sso_bearer_token"] == "bearer"
                ? .json(
                    #"{"roleCredentials":{"accessKeyId":"ASSSO","secretAccessKey":"s","sessionToken":"t","expiration":32472144000000}}"#
                )
                : .json(#"{"message":"Session token not found or invalid","__type":"UnauthorizedException"}"#, status: 401)
        }
        let files = try TemporaryFiles([
            "config": """
            [profile p]
            sso_session = corp
            sso_account_id = 123456789012
            sso_role_name = Pull it
            [sso-session corp]
            sso_region = eu-west-1
            """
        ])
        let cache = files.directory.appending(path: ".aws/sso/cache")
        try FileManager.default.createDirectory(at: cache, withIntermediateDirectories: true)
        // sha1 of "corp", as the CLI names the file.
        let path = cache.appending(path: "\(Hexadecimal.string(of: SHA1.digest(of: Array("corp".utf8)))).json")
        let environment = [
            "HOME": files.directory.path, "AWS_CONFIG_FILE": files.path("config"), "AWS_ENDPOINT_URL_SSO": portal.url.description,
            "AWS_PROFILE": "p",
        ]
        func error() async -> String? {
            await #expect(throws: CredentialError.self) { try await key(sources.makers(environment).source("profile")) }?.message
        }
        #expect(await error()?.contains("run `aws sso login --profile p`") == true)
        for (text, words) in [
            ("{", "holds no accessToken"), (#"{"accessToken":"","expiresAt":"2999-01-01T00:00:00Z"}"#, "holds no accessToken"),
            (#"{"accessToken":"bearer","expiresAt":"2020-01-01T00:00:00Z"}"#, "is over"),
            (#"{"accessToken":"other","expiresAt":"2999-01-01T00:00:00UTC"}"#, "UnauthorizedException"),
        ] {
            try Data(text.utf8).write(to: path)
            #expect(await error()?.contains(words) == true)
        }
        try Data(#"{"accessToken":"bearer","expiresAt":"2999-01-01T00:00:00Z"}"#.utf8).write(to: path)
        let found = try await key(sources.makers(environment).source("profile"))
        #expect(found.accessKeyID == "ASSSO" && found.expiration == Date(timeIntervalSince1970: 32_472_144_000))
        #expect(portal.requests.last?.target == "/federation/credentials?role_name=Pull%20it&account_id=123456789012")
    }

    // MARK: Process

    private func process(_ command: String, timeout: Duration = .seconds(20)) -> CredentialProcess {
        CredentialProcess(command: command, place: "config:1", timeout: timeout)
    }

    @Test func processIsRunWithItsWords() async throws {
        let files = try TemporaryFiles([
            "out put":
                #"{"Version":1,"AccessKeyId":"ASPROCESS","SecretAccessKey":"s","SessionToken":"t","Expiration":"2999-01-01T00:00:00Z"}"#
        ])
        #expect(try await key(process("cat '\(files.path("out put"))'")).accessKeyID == "ASPROCESS")
        #expect(try await key(process("/bin/cat '\(files.path("out put"))'")).accessKeyID == "ASPROCESS")
    }

    @Test(arguments: [
        ("sh -c 'echo no such role >&2; exit 3'", "ended with exited(3): no such role"), ("echo garbage", "not JSON"),
        ("echo '{\"Version\":2}'", "version 2, not 1"), ("echo '{\"Version\":1,\"AccessKeyId\":\"A\"}'", "lacks"),
        ("/nonexistent/program", "/nonexistent/program"), ("yes", "limit"), ("'open", "open quote"),
        (
            "echo '{\"Version\":1,\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"shh\",\"Expiration\":\"2020-01-01T00:00:00Z\"}'",
            "over already"
        ),
    ]) func processThatIsNoUseIsNamed(_ command: String, _ words: String) async {
        let error = await #expect(throws: CredentialError.self) { try await key(process(command)) }
        #expect(error?.message.contains(words) == true, "\(error?.message ?? "")")
        #expect(error?.message.hasPrefix("config:1: credential_process: ") == true && error?.message.contains("shh") == false)
    }

    @Test func processThatHangsIsKilledWithItsChildren() async throws {
        let files = try TemporaryFiles()
        let script = "echo $$ > \(files.path("pid")); sleep 300 & echo $! >> \(files.path("pid")); wait"
        let error = await #expect(throws: CredentialError.self) {
            try await key(process("sh -c '\(script)'", timeout: .seconds(1)))
        }
        #expect(error?.message.contains("did not end in") == true)
        let started = try String(contentsOfFile: files.path("pid"), encoding: .utf8).split(separator: "\n").compactMap { Int32($0) }
        #expect(started.count == 2)
        for _ in 0..<100 where started.contains(where: { kill($0, 0) == 0 && !Self.isZombie($0) }) {
            try await Task.sleep(for: .milliseconds(50))
        }
        for process in started { #expect(kill(process, 0) != 0 || Self.isZombie(process)) }
    }

    /// Dead, and not yet collected by whoever inherited it.
    private static func isZombie(_ process: Int32) -> Bool {
        (try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8))?.contains(") Z ") ?? true
    }
}
