import Registry
import AWS
import Configuration
import Gateway
import Logging
import Transport

/// Makes the upstreams of a configuration, each with who keeps its token.
struct UpstreamBuilder {
    private(set) var keepers = TokenKeepers()
    private let clients: AWSClients
    private let settings: Settings
    private let loop: EventLoop
    private let log: Logger
    private let running: GatewayPlan?
    /// Calls to AWS go where they did: keepers that run may run on.
    private let isCallingAsBefore: Bool

    init(_ settings: Settings, loop: EventLoop, log: Logger, running: GatewayPlan?) {
        (self.settings, self.loop, self.log, self.running) = (settings, loop, log, running)
        clients = AWSClients(settings, loop: loop, log: log)
        isCallingAsBefore =
            running.map {
                ($0.settings.connectTo, $0.settings.environment) == (settings.connectTo, settings.environment)
                    && $0.settings.caFile == settings.caFile
            } ?? false
    }

    mutating func build(_ upstream: Settings.Upstream) throws(CredentialError) -> Upstream {
        let before = running?.site.upstreams.first { $0.name == upstream.name }
        let keepers = try keepers(of: upstream)
        if let before, isCallingAsBefore, before.settings == upstream, before.keeper === keepers.token { return before }
        var creator: RepositoryCreator?, directory: RepositoryDirectory?
        if !upstream.registry.isPublic {
            let client = try clients.ecr(of: upstream, credentials: keepers.credentials)
            directory = RepositoryDirectory(loop: loop, client: client, registryID: upstream.registry.account)
            creator = upstream.createRepositories.map {
                RepositoryCreator(
                    loop: loop, client: client, registryID: upstream.registry.account, template: $0.template, log: log)
            }
        }
        return Upstream(
            settings: upstream, connectTo: settings.connectTo, keeper: keepers.token, creator: creator, directory: directory,
            metrics: before?.metrics ?? Upstream.metrics(of: upstream.name, workers: settings.workerCount))
    }

    /// Those of its identity, whichever upstream was the first to have it.
    private mutating func keepers(of upstream: Settings.Upstream) throws(CredentialError) -> TokenKeepers.Keepers {
        let identity = try clients.identity(of: upstream)
        let found = keepers[identity] ?? (isCallingAsBefore ? running?.keepers[identity].flatMap(stillNamed) : nil)
        let made: TokenKeepers.Keepers
        if let found {
            made = found
        } else {
            let credentials = try clients.credentials(of: upstream)
            made = TokenKeepers.Keepers(
                token: TokenKeeper(
                    name: upstream.name, loop: loop, log: log, fetch: try clients.tokens(of: upstream, credentials: credentials)),
                credentials: credentials)
        }
        keepers[identity] = made
        return made
    }

    /// A keeper is called after an upstream in the log: one that is gone would be looked for in vain.
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
