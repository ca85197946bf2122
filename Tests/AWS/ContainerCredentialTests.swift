import Configuration
import Crypto
import Foundation
import Synchronization
import Testing
import Transport

@testable import AWS

/// The credentials of ECS tasks and EKS pods, with real endpoints.
@Suite(.timeLimit(.minutes(1))) struct ContainerCredentialTests {
    private let fixture = TestSources()

    private static let document =
        #"{"AccessKeyId":"ASCONTAINER","SecretAccessKey":"s","Token":"t","Expiration":"2999-01-01T00:00:00Z"}"#

    @Test func `the container endpoint gets the token of its file`() async throws {
        let agent = try ScriptedServer {
            $0.fields["authorization"] == "pod token" ? .init(body: Self.document) : .init(status: 401)
        }
        let files = try TemporaryFiles(["token": "pod token"])
        var environment = [
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": "\(agent.url)v1/credentials", "AWS_CONTAINER_AUTHORIZATION_TOKEN": "no",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": files.path("token"),
        ]
        #expect(try await fixture.credentials(fixture.make(environment).source(.container)).accessKeyID == "ASCONTAINER")
        #expect(agent.requests.first?.target == "/v1/credentials")
        try Data("x\r\nInjected: y".utf8).write(to: URL(filePath: files.path("token")))
        let broken = await #expect(throws: CredentialError.self) {
            try await fixture.credentials(fixture.make(environment).source(.container))
        }
        #expect(broken?.message.contains("line break") == true)
        try Data("\n".utf8).write(to: URL(filePath: files.path("token")))
        let empty = await #expect(throws: CredentialError.self) {
            try await fixture.credentials(fixture.make(environment).source(.container))
        }
        #expect(empty?.message.hasSuffix("is empty") == true)
        environment["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = nil
        let rejected = await #expect(throws: CredentialError.self) {
            try await fixture.credentials(fixture.make(environment).source(.container))
        }
        #expect(rejected?.message.contains("status 401") == true)
        #expect(agent.requests.count == 2)  // a client error is not retried
    }

    /// On ECS the path is the only protection of the keys.
    @Test func `the path of the container endpoint is not shown`() async throws {
        let agent = try ScriptedServer { $0.target.hasSuffix("good") ? .init(body: Self.document) : .init(status: 404, body: "x") }
        for path in ["secret-path-good", "secret-path-bad"] {
            let environment = ["AWS_CONTAINER_CREDENTIALS_FULL_URI": "\(agent.url)\(path)"]
            do {
                #expect(
                    try await fixture.credentials(fixture.make(environment).source(.container)).source.contains("secret-path")
                        == false)
            } catch { #expect("\(error)".contains("secret-path") == false) }
        }
    }

    /// Nothing writes to the pipe. A read that blocked would stop the control loop, and with it every upstream.
    @Test func `a pipe in place of a token file does not block the loop`() async throws {
        let files = try TemporaryFiles()
        #expect(mkfifo(files.path("token"), 0o600) == 0)
        let environment = ["AWS_WEB_IDENTITY_TOKEN_FILE": files.path("token"), "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/x"]
        let error = await #expect(throws: CredentialError.self) {
            try await fixture.credentials(fixture.make(environment).source(.webIdentity))
        }
        #expect(error?.message.contains("is empty") == true)
    }

    @Test func `the container endpoint is retried after a server error`() async throws {
        let calls = Atomic(0)
        let agent = try ScriptedServer { _ in
            calls.add(1, ordering: .relaxed).newValue < 3 ? .init(status: 500) : .init(body: Self.document)
        }
        let source = ContainerCredentials(
            httpClient: HTTPClient(loop: fixture.loop),
            environment: ["AWS_CONTAINER_CREDENTIALS_FULL_URI": agent.url.description], sleep: { _ in })
        #expect(try await fixture.credentials(source).sessionToken?.reveal == "t")
    }

    @Test(arguments: [
        ("http://192.0.2.1/x", "plain HTTP"), ("http://127.evil.example/x", "plain HTTP"),
        ("http://169.254.170.2.example/", "plain HTTP"),
        ("ftp://127.0.0.1/", "is not an address"),
    ]) func `plain HTTP to a container endpoint is allowed only on the machine itself`(_ uri: String, _ words: String) async {
        let environment = ["AWS_CONTAINER_CREDENTIALS_FULL_URI": uri]
        let error = await #expect(throws: CredentialError.self) {
            try await fixture.credentials(fixture.make(environment).source(.container))
        }
        #expect(error?.message.contains(words) == true, "\(error?.message ?? "")")
    }
}
