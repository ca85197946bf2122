import Logging
import Transport

@testable import AWS

/// Makes `CredentialSources` for tests, on a loop of their own. Without `sts`, STS is unreachable.
final class TestSources {
    let loop = EventLoop()
    let log = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    init() { loop.start(named: "sources") }
    deinit { loop.stop() }

    func make(_ environment: [String: String], sts: HTTPClientURL? = nil) -> CredentialSources {
        let httpClient = HTTPClient(loop: loop)
        let url = sts ?? HTTPClientURL(scheme: .http, host: "127.0.0.1", port: 1)
        let service = SignedService(
            httpClient: httpClient, endpoint: ServiceEndpoint(url: url, region: "eu-west-1"), name: "sts", sleep: { _ in })
        return CredentialSources(
            loop: loop, httpClient: httpClient, environment: environment, sts: STSClient(service: service), log: log)
    }

    /// What the source finds.
    /// - Throws: the source's error, or one when it has no credentials.
    func credentials(_ source: any CredentialSource) async throws -> Credentials {
        guard case .found(let credentials) = try await source.find() else {
            throw CredentialError(source: source.name, message: "absent")
        }
        return credentials
    }
}
