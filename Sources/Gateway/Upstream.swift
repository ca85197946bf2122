import AWS
import Access
import Configuration
import Registry

/// A registry that Berth stands in front of.
public struct Upstream: Sendable {
    /// Its place in the configuration: what counters and a worker's tables are indexed by.
    public let index: Int
    public let name: String
    let origin: Origin
    /// Who keeps its authorization token. One keeper may serve several upstreams.
    public let keeper: TokenKeeper
    /// The client follows a blob's redirect itself.
    let passesRedirects: Bool
    /// ECR Public refuses HEAD of every blob (wire 2.2): its size is asked for by the first byte.
    let refusesHeadOfBlobs: Bool
    /// nil: a push to a repository that does not exist fails.
    let creation: Creation?

    /// Repositories that are made when a push misses them.
    struct Creation: Sendable {
        let match: [Glob]
        let creator: RepositoryCreator
    }

    public init(
        index: Int, settings: Settings.Upstream, connectTo: [String: String], keeper: TokenKeeper, creator: RepositoryCreator?
    ) {
        self.index = index
        name = settings.name
        origin = Origin(host: settings.registry.host, port: 443, connectTo: ConnectTo(connectTo))
        self.keeper = keeper
        passesRedirects = settings.blobs == .redirect
        refusesHeadOfBlobs = settings.registry.isPublic
        creation = creator.flatMap { creator in
            settings.createRepositories.map { Creation(match: $0.match.map { Glob($0) }, creator: creator) }
        }
    }
}
