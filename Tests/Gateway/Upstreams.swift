import AWS
import Crypto
import Logging
import Registry
import Testing
import Transport

@testable import Configuration
@testable import Gateway

/// An upstream that is never connected to.
func upstream(_ name: String, registry: String = "123456789012.dkr.ecr.eu-west-1.amazonaws.com") throws -> Upstream {
    let log = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    let keeper = TokenKeeper(name: name, loop: EventLoop(), log: log) {
        () async throws(AWSError) in FetchedToken(authorizationToken: Secret(""), expiresAt: nil)
    }
    let metrics = Upstream.metrics(of: name, workers: 1)
    return Upstream(
        settings: Settings.Upstream(name: name, registry: try #require(ECRHost(registry))), connectTo: ConnectTo(), keeper: keeper,
        creator: nil, directory: nil, metrics: metrics, retries: SharedRetryBudget(metrics), log: log)
}
