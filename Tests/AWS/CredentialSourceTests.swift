import Crypto
import Foundation
import Testing
import Transport

@testable import AWS

@Suite struct CredentialSourceTests {
    // MARK: Environment

    @Test func `the keys of the environment are found`() async throws {
        let environment = [
            "AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "shh", "AWS_SESSION_TOKEN": "tok",
            "AWS_CREDENTIAL_EXPIRATION": "2026-01-01T12:00:00Z",
        ]
        let found = try await found(EnvironmentCredentials(environment: environment))
        #expect(found.accessKeyID == "AKID" && found.secretAccessKey.reveal == "shh" && found.sessionToken?.reveal == "tok")
        #expect(found.expiration == Date(timeIntervalSince1970: 1_767_268_800))
        #expect(!"\(found)".contains("shh") && !"\(found)".contains("tok\"") && !String(reflecting: found).contains("shh"))
    }

    @Test(arguments: [
        (["AWS_ACCESS_KEY_ID": "AKID"], "set AWS_SECRET_ACCESS_KEY too"),
        (["AWS_SECRET_ACCESS_KEY": "shh", "AWS_ACCESS_KEY_ID": ""], "set AWS_ACCESS_KEY_ID too"),
        (
            ["AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "shh", "AWS_CREDENTIAL_EXPIRATION": "noon"],
            "AWS_CREDENTIAL_EXPIRATION"
        ),
    ]) func `an incomplete environment is an error and not skipped`(_ environment: [String: String], _ words: String) async {
        let error = await #expect(throws: CredentialError.self) {
            try await EnvironmentCredentials(environment: environment).find()
        }
        #expect(error?.description.contains(words) == true)
        #expect(error?.description.contains("shh") == false)
    }

    // MARK: Profile

    private static let files = [
        "credentials": """
        # the usual
        [default]
        aws_access_key_id = AKDEFAULT
        # a comment takes a line of its own
        aws_secret_access_key = sec#ret=/+
        [ci]
        aws_access_key_id=AKCI
        aws_secret_access_key=ci
        aws_session_token=citok
        [half]
        aws_access_key_id = AKHALF
        """,
        "config": """
        [default]
        region = eu-west-1
        s3 =
          max_concurrent_requests = 20
        [profile ci]
        aws_access_key_id = AKCONFIG
        aws_secret_access_key = config
        [profile "two words"]
        AWS_Access_Key_Id = AKTWO\r
        aws_secret_access_key = two\r
        [profile role]
        source_profile = ci
        role_arn = arn:aws:iam::123456789012:role/x
        aws_access_key_id = AKROLE
        aws_secret_access_key = role
        [profile sso]
        sso_session = s
        [profile empty]
        region = eu-west-1
        [sso-session s]
        sso_region = eu-west-1
        [bare]
        aws_access_key_id = AKBARE
        aws_secret_access_key = bare
        """,
    ]

    private let fixture = TestSources()

    private func profile(_ profile: String?, in files: TemporaryFiles, _ more: [String: String] = [:]) -> ProfileCredentials {
        let environment = ["AWS_SHARED_CREDENTIALS_FILE": files.path("credentials"), "AWS_CONFIG_FILE": files.path("config")]
        return ProfileCredentials(profile, sources: fixture.make(environment.merging(more) { $1 }))
    }

    @Test(arguments: [
        (nil, [:], "AKDEFAULT", "sec#ret=/+"), ("ci", [:], "AKCI", "ci"), (nil, ["AWS_PROFILE": "ci"], "AKCI", "ci"),
        (nil, ["AWS_DEFAULT_PROFILE": "ci"], "AKCI", "ci"), ("two words", ["AWS_PROFILE": "ci"], "AKTWO", "two"),
    ]) func `a profile is found by the configuration, the environment or as the default`(
        _ name: String?, _ environment: [String: String], _ key: String, _ secret: String
    ) async throws {
        let files = try TemporaryFiles(Self.files)
        let found = try await found(profile(name, in: files, environment))
        #expect(found.accessKeyID == key && found.secretAccessKey.reveal == secret)
        #expect(found.sessionToken?.reveal == (key == "AKCI" ? "citok" : nil))
    }

    @Test(arguments: [
        ("half", "credentials:11: half of a key pair: aws_secret_access_key"), ("nobody", "no profile nobody in"),
        ("bare", "no profile bare in"),
    ]) func `an unusable profile is an error that names its line`(_ name: String, _ words: String) async throws {
        let files = try TemporaryFiles(Self.files)
        let error = await #expect(throws: CredentialError.self) { try await profile(name, in: files).find() }
        #expect(error?.message.contains(words) == true, "\(error?.message ?? "nothing")")
    }

    @Test func `a file with a syntax error is named with its line`() async throws {
        let files = try TemporaryFiles(["config": "[default]\nregion = x\nwhat is this\n"])
        let error = await #expect(throws: CredentialError.self) { try await profile(nil, in: files).find() }
        #expect(error?.message.contains("config:3: ") == true)
    }

    @Test func `the files of the home directory are read and may be missing`() async throws {
        let files = try TemporaryFiles()
        let source = ProfileCredentials(nil, sources: fixture.make(["HOME": files.directory.path]))
        guard case .absent(let reason) = try await source.find() else {
            Issue.record("found in an empty home")
            return
        }
        #expect(reason.contains(files.path(".aws/credentials")))
        try FileManager.default.createDirectory(at: files.directory.appending(path: ".aws"), withIntermediateDirectories: true)
        try Data("[default]\naws_access_key_id=A\naws_secret_access_key=B\n".utf8)
            .write(to: files.directory.appending(path: ".aws/credentials"))
        #expect(try await found(source).accessKeyID == "A")
    }

    private func found(_ source: some CredentialSource) async throws -> Credentials {
        guard case .found(let credentials) = try await source.find() else {
            throw CredentialError(source: source.name, message: "absent")
        }
        return credentials
    }
}
