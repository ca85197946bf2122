import AWS
import Access
import Configuration
import HTTP
import Registry
import Transport

/// A registry that Berth stands in front of.
public struct Upstream: Sendable {
    /// Its place in the configuration: what counters and a worker's tables are indexed by.
    public let index: Int
    public let name: String
    let origin: Origin
    /// Who keeps its authorization token. One keeper may serve several upstreams.
    public let keeper: TokenKeeper
    /// Clients of these networks follow a blob's redirect themselves; nil: nobody does.
    private let redirected: [Network]?
    /// Where the registry may redirect a blob to, in lower case.
    private let blobHosts: [String]
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
        index: Int, settings: Settings.Upstream, connectTo: [String: String], keeper: TokenKeeper,
        creator: RepositoryCreator?, directory: RepositoryDirectory?
    ) {
        self.index = index
        name = settings.name
        origin = Origin(host: settings.registry.host, port: 443, connectTo: ConnectTo(connectTo))
        (self.keeper, self.directory) = (keeper, directory)
        redirected =
            settings.blobs == .redirect ? (settings.redirectClients ?? ["0.0.0.0/0", "::/0"]).compactMap { Network($0) } : nil
        blobHosts =
            settings.blobHosts?.map { HostName.normalized($0) }
            // wire 1.4: S3, ECR Public's CDN, and Docker Hub's behind the first pull of a pull-through cache.
            ?? ["*.\(settings.registry.partitionSuffix)", "*.cloudfront.net", "production.cloudflare.docker.com"]
        refusesHeadOfBlobs = settings.registry.isPublic
        creation = creator.flatMap { creator in
            settings.createRepositories.map { Creation(match: $0.match.map { Glob($0) }, creator: creator) }
        }
    }

    func redirects(_ client: SocketAddress) -> Bool { redirected?.contains { $0.contains(client) } ?? false }

    /// Whether a blob may be fetched from this host, or a client sent there.
    func mayServeBlobs(_ host: String) -> Bool {
        blobHosts.contains { $0.hasPrefix("*.") ? host.hasSuffix($0.dropFirst()) && host.count >= $0.count : host == $0 }
    }
}
