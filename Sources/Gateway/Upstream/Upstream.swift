package import AWS
import Access
package import Configuration
package import FoundationEssentials
package import Logging
import Registry
package import Telemetry
package import Transport

/// A registry that Berth serves. One object as long as nothing about it changes, through reloads too: workers remember tokens and lists by
/// the object's identity, so that nothing of one registry is ever taken for another's.
package final class Upstream: Sendable {
    /// In the configuration, the log and metrics.
    package let name: String
    package let settings: Settings.Upstream
    /// Kept by the upstream that replaces this one at a reload.
    package let metrics: UpstreamMetrics
    /// Kept likewise.
    package let retries: SharedRetryBudget
    /// Bounds what is asked of the registry. Kept likewise, as long as the registry is the same.
    package let shield: Shield
    private let lookUps = Published((failures: 0, reason: ""))
    let origin: Origin
    /// Keeps its authorization token. One keeper may serve several upstreams.
    package let keeper: TokenKeeper
    /// Networks whose clients follow a blob's redirect themselves; nil: Berth follows it for all.
    private let redirected: [Network]?
    /// Where the registry may redirect blobs to.
    let blobHosts: BlobHosts
    /// ECR Public rejects HEAD of every blob (ECR 2.2): its size is asked for by the first byte.
    let hasBlobHead: Bool
    /// ECR Public lists no repositories: its catalog would be the world's.
    let hasCatalog: Bool
    /// What ECR's API offers beyond the registry API; nil: the upstream has no such API.
    let directory: RepositoryDirectory?
    /// nil: a push to a repository that does not exist fails.
    let creation: Creation?
    /// Its replicas, in the order in which reads try them. They bear its name and count in its metrics.
    package let fallbacks: [Upstream]
    /// How the registry has been doing, and how the storage of its blobs. Kept by the upstream that replaces this one at a reload.
    package let circuit: Circuit, storageCircuit: Circuit

    /// Repositories that are created when a push finds them missing.
    struct Creation: Sendable {
        let match: [Glob]
        let creator: RepositoryCreator
    }

    /// - Parameters:
    ///   - creator: used where the settings have `createRepositories`; nil for ECR Public, as is `directory`.
    ///   - metrics: from `metrics(of:workers:)`, or of the upstream that this one replaces.
    ///   - former: was the same registry of the same upstream until a reload; its state is taken over. nil: there was none.
    package init(
        settings: Settings.Upstream, connectTo: ConnectTo, keeper: TokenKeeper, creator: RepositoryCreator?,
        directory: RepositoryDirectory?, metrics: UpstreamMetrics, retries: SharedRetryBudget, log: Logger,
        fallbacks: [Upstream] = [], former: Upstream? = nil
    ) {
        (self.settings, self.metrics, self.retries, self.fallbacks) = (settings, metrics, retries, fallbacks)
        let host = settings.registry.host
        circuit = former?.circuit ?? Circuit(upstream: settings.name, registry: host, isOfStorage: false, log: log)
        storageCircuit =
            former?.storageCircuit ?? Circuit(upstream: settings.name, registry: host, isOfStorage: true, log: log)
        shield =
            former.flatMap { $0.isAsked(like: settings) ? $0.shield : nil }
            ?? Shield(settings.limits, isPublic: settings.registry.isPublic)
        name = settings.name
        origin = Origin(host: settings.registry.host, port: 443, connectTo: connectTo)
        (self.keeper, self.directory) = (keeper, directory)
        redirected = settings.blobs == .redirect ? settings.redirectClients ?? Network.everywhere : nil
        blobHosts = BlobHosts(listed: settings.blobHosts, registry: settings.registry)
        hasBlobHead = !settings.registry.isPublic
        hasCatalog = !settings.registry.isPublic
        creation = creator.flatMap { creator in
            settings.createRepositories.map { Creation(match: $0.match, creator: creator) }
        }
        for registry in registries {
            for circuit in [registry.circuit, registry.storageCircuit] { circuit.setAlternative(!fallbacks.isEmpty) }
        }
    }

    /// The same registry with the same quotas.
    private func isAsked(like other: Settings.Upstream) -> Bool {
        settings.registry == other.registry && settings.limits.quotas == other.limits.quotas
    }

    /// Counters labelled with the upstream's name.
    package static func metrics(of name: String, workers: Int) -> UpstreamMetrics {
        UpstreamMetrics(name: name, workers: workers, replayReasons: ReplayReason.allCases.map(\.rawValue))
    }

    /// This registry and its fallbacks, in the order in which reads try them.
    package var registries: [Upstream] { [self] + fallbacks }

    /// Why this registry cannot serve, for people; nil: it can.
    package func problem(at now: Date) -> String? {
        let token = keeper.state.current
        guard token.isReady(at: now) else { return "no valid token: \(token.lastError ?? "not fetched yet")" }
        let lookUp = lookUps.current
        if lookUp.failures >= Self.maxFailedLookUps { return lookUp.reason }
        let instant = ContinuousClock.now
        return circuit.problem(at: instant) ?? storageCircuit.problem(at: instant)
    }

    /// The registry's host.
    package var host: String { settings.registry.host }

    /// The last fetch of a token failed.
    var isTokenFailing: Bool { keeper.state.current.lastError != nil }

    /// Whether the registry and its storage are used: the worse of both.
    package var state: Circuit.State {
        let now = ContinuousClock.now
        return min(circuit.state(at: now), storageCircuit.state(at: now))
    }

    /// Looks up the name that the workers connect to and keeps the result for `problem`. On the loop's thread only.
    package func lookUp(on loop: EventLoop, by outbound: OutboundSettings) async {
        let (host, port) = outbound.dialled(origin)
        do {
            _ = try await loop.resolver.resolve(host, port: port)
            lookUps.publish((0, ""))
        } catch { lookUps.publish((lookUps.current.failures + 1, "\(error)")) }
    }

    /// In a row: one failed look-up does not matter, since open connections go on.
    private static let maxFailedLookUps = 2

    func redirects(_ client: SocketAddress) -> Bool { redirected?.contains { $0.contains(client) } ?? false }
}
