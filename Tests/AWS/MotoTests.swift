import Crypto
import Foundation
import Logging
import TestSupport
import Testing
import Transport

@testable import AWS

/// ECR's API as moto implements it, which checks signatures.
@Suite(
    .timeLimit(.minutes(1)),
    .disabled("no python with moto: pip install 'moto[server]', or set BERTH_TEST_PYTHON") { await Moto.isMissing.value })
final class MotoTests {
    private let loop = EventLoop()
    private let log = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    init() { loop.start(named: "moto") }
    deinit { loop.stop() }

    private func client(_ moto: Moto, key: String? = nil, secret: String? = nil, now: @escaping @Sendable () -> Date = { Date() })
        -> ECRClient
    {
        let source = EnvironmentCredentials(environment: [
            "AWS_ACCESS_KEY_ID": key ?? moto.key, "AWS_SECRET_ACCESS_KEY": secret ?? moto.secret,
        ])
        let endpoint = ServiceEndpoint(url: HTTPClientURL(scheme: .http, host: "127.0.0.1", port: moto.port), region: "eu-west-1")
        return ECRClient(
            httpClient: HTTPClient(loop: loop), endpoint: endpoint,
            credentials: CredentialKeeper(loop: loop, source: source, log: log),
            now: now)
    }

    @Test func `moto accepts signatures and rejects wrong keys`() async throws {
        let moto = try await onThread { try Moto() }
        let token = try await client(moto).authorizationToken()
        #expect(String(decoding: Data(base64Encoded: token.authorizationToken.reveal) ?? Data(), as: UTF8.self).hasPrefix("AWS:"))
        #expect(TokenLife(fetchedAt: Date(), reported: token.expiresAt).isAssumed, "moto's tokens end in 2015")

        let wrongSecret = await #expect(throws: AWSError.self) { try await self.client(moto, secret: "wrong").authorizationToken() }
        #expect(wrongSecret?.hint?.contains("secret key does not belong") == true, "\(wrongSecret?.description ?? "")")
        let unknown = await #expect(throws: AWSError.self) { try await self.client(moto, key: "AKIAUNKNOWN").authorizationToken() }
        #expect(unknown?.hint?.contains("unknown here") == true, "\(unknown?.description ?? "")")

        let client = client(moto)
        let template = RepositoryTemplate(tagMutability: "IMMUTABLE", scanOnPush: true, tags: ["owner": "platform"])
        #expect(try await client.createRepository("team-a/app", as: template))
        #expect(try await !client.createRepository("team-a/app", as: template))
        let policy =
            #"{"Version":"2012-10-17","Statement":[{"Sid":"x","Effect":"Allow","Principal":"*","Action":["ecr:BatchGetImage"]}]}"#
        try await client.setRepositoryPolicy(policy, of: "team-a/app")
        let missing = await #expect(throws: AWSError.self) { try await client.setRepositoryPolicy(policy, of: "nobody") }
        #expect(missing?.code == "RepositoryNotFoundException")
    }
}

/// Runs `moto-peer.py` during a test.
final class Moto: Sendable {
    /// Checked once.
    static let isMissing = Task { (try? await Botocore.run(["-c", "import botocore, moto.server"]).status) != 0 }

    let port: Int, key: String, secret: String
    private let process: ChildProcess

    init() throws {
        let script = try #require(Bundle.module.url(forResource: "moto-peer", withExtension: "py"))
        process = try ChildProcess([Botocore.python, script.path])
        let line = process.readLine()
        try #require(line.last == UInt8(ascii: "\n"), "moto-peer.py did not start")
        let peer = try #require(try JSONSerialization.jsonObject(with: line) as? [String: Any])
        port = try #require(peer["port"] as? Int)
        key = try #require(peer["key"] as? String)
        secret = try #require(peer["secret"] as? String)
    }
}
