package import AWS
import Access
package import Configuration
package import FoundationEssentials
import Registry
package import Telemetry
package import Transport

/// A registry that Berth stands in front of. One object as long as nothing about it changes, through reloads too: whatever a worker remembers of an
/// upstream it remembers of this object, so that nothing of one registry is ever taken for another's.
package final class Upstream: Sendable {
    package let name: String
    package let settings: Settings.Upstream
    package let metrics: UpstreamMetrics
    private let lookUps = Published((failures: 0, reason: ""))
    let origin: Origin
    /// Who keeps its authorization token. One keeper may serve several upstreams.
    package let keeper: TokenKeeper
    /// Clients of these networks follow a blob's redirect themselves; nil: nobody does.
    private let redirected: [Network]?
    /// Where the registry may redirect a blob to.
    let blobHosts: BlobHosts
    /// ECR Public refuses HEAD of every blob (ECR 2.2): its size is asked for by the first byte.
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

    package init(
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
    package static func metrics(of name: String, workers: Int) -> UpstreamMetrics {
        UpstreamMetrics(name: name, workers: workers, replayReasons: ReplayReason.allCases.map(\.rawValue))
    }

    /// Why it cannot serve, for people; nil: it can. Each thing that serving takes is asked about here.
    package func problem(at now: Date) -> String? {
        let token = keeper.state.current
        guard token.isReady(at: now) else { return "no valid token: \(token.lastError ?? "not fetched yet")" }
        let lookUp = lookUps.current
        return lookUp.failures >= Self.maxFailedLookUps ? lookUp.reason : nil
    }

    /// Looks up the name that it is dialled at, as the workers do when they connect, and notes for `problem` what came of it. On the loop's
    /// thread only.
    package func lookUp(on loop: EventLoop, by outbound: OutboundSettings) async {
        let (host, port) = outbound.dialled(origin)
        do {
            _ = try await loop.resolve(host, port: port)
            lookUps.publish((0, ""))
        } catch { lookUps.publish((lookUps.current.failures + 1, "\(error)")) }
    }

    /// In a row: a name server may miss one, and connections that are open go on.
    private static let maxFailedLookUps = 2

    func redirects(_ client: SocketAddress) -> Bool { redirected?.contains { $0.contains(client) } ?? false }
}
