import AWS
import Configuration
import Gateway
import Logging
import Registry
import Telemetry
import Transport

/// Makes the upstreams of a configuration, each with the keeper of its token.
struct UpstreamBuilder {
    private(set) var keepers = TokenKeepers()
    private let clients: AWSClients
    private let settings: Settings
    private let loop: EventLoop
    private let log: Logger
    private let running: GatewayPlan?
    /// Whether calls to AWS go to the same places as those of the running plan, so that its keepers can be used further.
    private let callsAreUnchanged: Bool

    init(_ settings: Settings, loop: EventLoop, log: Logger, running: GatewayPlan?) {
        (self.settings, self.loop, self.log, self.running) = (settings, loop, log, running)
        clients = AWSClients(settings, loop: loop, log: log)
        callsAreUnchanged =
            running.map {
                ($0.settings.connectTo, $0.settings.environment) == (settings.connectTo, settings.environment)
                    && $0.settings.caFile == settings.caFile
            } ?? false
    }

    mutating func build(_ upstream: Settings.Upstream) throws(CredentialError) -> Upstream {
        let before = running?.snapshot.upstreams.first { $0.name == upstream.name }
        let metrics = before?.metrics ?? Upstream.metrics(of: upstream.name, workers: settings.workerCount)
        let keepers = try keepers(of: upstream, metrics)
        if let before, callsAreUnchanged, before.settings == upstream, before.keeper === keepers.token { return before }
        var creator: RepositoryCreator?, directory: RepositoryDirectory?
        if !upstream.registry.isPublic {
            let client = try clients.ecr(of: upstream, credentials: keepers.credentials, throttled: metrics.throttled)
            directory = RepositoryDirectory(loop: loop, client: client, registryID: upstream.registry.account)
            creator = upstream.createRepositories.map {
                RepositoryCreator(
                    loop: loop, client: client, registryID: upstream.registry.account, template: $0.template, log: log)
            }
        }
        return Upstream(
            settings: upstream, connectTo: settings.connectTo, keeper: keepers.token, creator: creator, directory: directory,
            metrics: metrics, former: before)
    }

    /// The keepers of the upstream's identity; upstreams of one identity share them, and the first one's metrics count their calls.
    private mutating func keepers(of upstream: Settings.Upstream, _ metrics: UpstreamMetrics) throws(CredentialError)
        -> TokenKeepers.Keepers
    {
        let identity = try clients.identity(of: upstream)
        let found = keepers[identity] ?? (callsAreUnchanged ? running?.keepers[identity].flatMap(stillNamed) : nil)
        let made: TokenKeepers.Keepers
        if let found {
            made = found
        } else {
            let credentials = try clients.credentials(of: upstream)
            made = TokenKeepers.Keepers(
                token: TokenKeeper(
                    name: upstream.name, loop: loop, log: log, former: running?.keepers[identity]?.token,
                    fetch: try clients.tokens(of: upstream, credentials: credentials, throttled: metrics.throttled)),
                credentials: credentials)
        }
        keepers[identity] = made
        return made
    }

    /// nil if the upstream after which the log names this keeper is gone.
    private func stillNamed(_ keepers: TokenKeepers.Keepers) -> TokenKeepers.Keepers? {
        settings.upstreams.contains { $0.name == keepers.token.name } ? keepers : nil
    }
}

extension Settings.RepositoryCreation {
    var template: RepositoryTemplate {
        RepositoryTemplate(
            tagMutability: tagMutability, scanOnPush: scanOnPush, kmsKey: kmsKey, tags: tags, policy: policy,
            lifecyclePolicy: lifecyclePolicy)
    }
}
