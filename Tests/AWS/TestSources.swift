import Logging
import Transport

@testable import AWS

/// What makes sources in tests, on a loop of its own. STS is where `sts` says, else nowhere.
final class TestSources {
    let loop = EventLoop()
    let log = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    init() { loop.start(named: "sources") }
    deinit { loop.stop() }

    func makers(_ environment: [String: String], sts: HTTPClientURL? = nil) -> CredentialSources {
        let caller = HTTPClient(loop: loop)
        let url = sts ?? HTTPClientURL(scheme: .http, host: "127.0.0.1", port: 1)
        let service = SignedService(
            caller: caller, endpoint: ServiceEndpoint(url: url, region: "eu-west-1"), name: "sts", sleep: { _ in })
        return CredentialSources(
            loop: loop, caller: caller, environment: environment, sts: STSClient(service: service), log: log)
    }
}
