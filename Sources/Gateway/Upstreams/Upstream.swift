import AWS
import Access
import Configuration
import FoundationEssentials
import Registry
import Telemetry
import Transport

/// A registry that Berth stands in front of. One object as long as nothing about it changes, through reloads too: whatever a worker remembers of an
/// upstream it remembers of this object, so that nothing of one registry is ever taken for another's.
public final class Upstream: Sendable {
    public let name: String
    public let settings: Settings.Upstream
    public let metrics: UpstreamMetrics
    let origin: Origin
    /// Who keeps its authorization token. One keeper may serve several upstreams.
    public let keeper: TokenKeeper
    /// Clients of these networks follow a blob's redirect themselves; nil: nobody does.
    private let redirected: [Network]?
    /// Where the registry may redirect a blob to.
    let blobHosts: BlobHosts
    /// ECR Public refuses HEAD of every blob (wire 2.2): its size is asked for by the first byte.
    let refusesHeadOfBlobs: Bool
    /// What its API tells or does; nil: it has none that does.
    let directory: RepositoryDirectory?
    /// nil: a push to a repository that does not exist fails.
    let creation: Creation?

    /// Repositories that are made when a push misses them.
    struct Creation: Sendable {
        let match: [Glob]
        let creator: RepositoryCreator
    }

    public init(
        settings: Settings.Upstream, connectTo: [String: String], keeper: TokenKeeper, creator: RepositoryCreator?,
        directory: RepositoryDirectory?, metrics: UpstreamMetrics
    ) {
        (self.settings, self.metrics) = (settings, metrics)
        name = settings.name
        origin = Origin(host: settings.registry.host, port: 443, connectTo: ConnectTo(connectTo))
        (self.keeper, self.directory) = (keeper, directory)
        redirected = settings.blobs == .redirect ? settings.redirectClients ?? Network.everywhere : nil
        blobHosts = BlobHosts(listed: settings.blobHosts, registry: settings.registry)
        refusesHeadOfBlobs = settings.registry.isPublic
        creation = creator.flatMap { creator in
            settings.createRepositories.map { Creation(match: $0.match.map { Glob($0) }, creator: creator) }
        }
    }

    /// What its counters are labelled with.
    public static func metrics(of name: String, workers: Int) -> UpstreamMetrics {
        UpstreamMetrics(name: name, workers: workers, replayReasons: ReplayReason.allCases.map(\.rawValue))
    }

    /// Why it cannot serve, for people; nil: it can. Each thing that serving takes is asked about here.
    public func problem(at now: Date) -> String? {
        let token = keeper.state.current
        guard token.isReady(at: now) else { return "no valid token: \(token.lastError ?? "not fetched yet")" }
        return nil
    }

    func redirects(_ client: SocketAddress) -> Bool { redirected?.contains { $0.contains(client) } ?? false }
}
