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

    /// An upstream with its fallbacks. What a reload leaves as it was is taken from the running plan, part by part.
    mutating func build(_ upstream: Settings.Upstream) throws(CredentialError) -> Upstream {
        let before = running?.snapshot.upstreams.first { $0.name == upstream.name }
        let metrics = before?.metrics ?? Upstream.metrics(of: upstream.name, workers: settings.workerCount)
        let retries = before?.retries ?? SharedRetryBudget(metrics)
        var fallbacks: [Upstream] = []
        for fallback in upstream.registries.dropFirst() { fallbacks.append(try build(fallback, (metrics, retries), [], before)) }
        return try build(upstream, (metrics, retries), fallbacks, before)
    }

    /// One registry.
    private mutating func build(
        _ upstream: Settings.Upstream, _ shared: (metrics: UpstreamMetrics, retries: SharedRetryBudget), _ fallbacks: [Upstream],
        _ before: Upstream?
    ) throws(CredentialError) -> Upstream {
        let (metrics, retries) = shared
        let former = before?.registries.first { $0.settings.registry == upstream.registry }
        let keepers = try keepers(of: upstream, metrics)
        if let former, callsAreUnchanged, former.settings == upstream, former.keeper === keepers.token,
            former.fallbacks.elementsEqual(fallbacks, by: ===)
        {
            return former
        }
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
            metrics: metrics, retries: retries, log: log, fallbacks: fallbacks, former: former)
    }

    /// The keepers of the registry's identity; registries of one identity share them, and the first one's metrics count their calls.
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
                    name: name(of: upstream), loop: loop, log: log, former: running?.keepers[identity]?.token,
                    fetch: try clients.tokens(of: upstream, credentials: credentials, throttled: metrics.throttled)),
                credentials: credentials)
        }
        keepers[identity] = made
        return made
    }

    /// In the log: the upstream's, and for a fallback the host too.
    private func name(of registry: Settings.Upstream) -> String {
        let isFirst = settings.upstreams.contains { ($0.name, $0.registry) == (registry.name, registry.registry) }
        return isFirst ? registry.name : "\(registry.name) (\(registry.registry.host))"
    }

    /// nil if the registry after which the log names this keeper is gone.
    private func stillNamed(_ keepers: TokenKeepers.Keepers) -> TokenKeepers.Keepers? {
        settings.upstreams.flatMap(\.registries).contains { name(of: $0) == keepers.token.name } ? keepers : nil
    }
}

extension Settings.RepositoryCreation {
    var template: RepositoryTemplate {
        RepositoryTemplate(
            tagMutability: tagMutability, scanOnPush: scanOnPush, kmsKey: kmsKey, tags: tags, policy: policy,
            lifecyclePolicy: lifecyclePolicy)
    }
}
