import Configuration
import Crypto
import Foundation
import Testing
import Transport

@testable import AWS

/// Single sign-on with a portal of its own.
@Suite(.timeLimit(.minutes(1))) struct SingleSignOnTests {
    private let fixture = TestSources()

    @Test func `single sign-on uses the cached token`() async throws {
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
        // The CLI names the file by the SHA-1 of "corp".
        let path = cache.appending(path: "\(Hexadecimal.string(of: SHA1.digest(of: Array("corp".utf8)))).json")
        let environment = [
            "HOME": files.directory.path, "AWS_CONFIG_FILE": files.path("config"), "AWS_ENDPOINT_URL_SSO": portal.url.description,
            "AWS_PROFILE": "p",
        ]
        func error() async -> String? {
            await #expect(throws: CredentialError.self) {
                try await fixture.credentials(fixture.make(environment).source(.profile))
            }?.message
        }
        #expect(await error()?.contains("run `aws sso login --profile p`") == true)
        for (text, words) in [
            ("{", "has no accessToken"), (#"{"accessToken":"","expiresAt":"2999-01-01T00:00:00Z"}"#, "has no accessToken"),
            (#"{"accessToken":"bearer","expiresAt":"2020-01-01T00:00:00Z"}"#, "has expired"),
            (#"{"accessToken":"other","expiresAt":"2999-01-01T00:00:00UTC"}"#, "UnauthorizedException"),
        ] {
            try Data(text.utf8).write(to: path)
            #expect(await error()?.contains(words) == true)
        }
        try Data(#"{"accessToken":"bearer","expiresAt":"2999-01-01T00:00:00Z"}"#.utf8).write(to: path)
        let found = try await fixture.credentials(fixture.make(environment).source(.profile))
        #expect(found.accessKeyID == "ASSSO" && found.expiration == Date(timeIntervalSince1970: 32_472_144_000))
        #expect(portal.requests.last?.target == "/federation/credentials?role_name=Pull%20it&account_id=123456789012")
    }
}
