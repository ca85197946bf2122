import HTTP
import Registry

/// Where a request for a repository goes, and under which name.
struct Route {
    /// The upstream, or the fallback that serves a read in its place.
    private(set) var upstream: Upstream
    /// As the client names it, and as the upstream does.
    let repository: Repository, upstreamRepository: Repository
    /// The upstream's name of the repository whose blob is to be mounted; nil: no mount is asked for, or its source is at another upstream.
    var mountSource: Repository?

    init(upstream: Upstream, repository: Repository, upstreamRepository: Repository) {
        (self.upstream, self.repository, self.upstreamRepository) = (upstream, repository, upstreamRepository)
    }

    /// The same repository at a fallback of the upstream.
    func to(_ registry: Upstream) -> Route {
        var route = self
        route.upstream = registry
        return route
    }

    private var isRenamed: Bool { repository != upstreamRepository }

    /// Path and query as the upstream gets them: byte for byte as the client sent them, unless a part of them means something else there.
    func target(of request: RegistryRequest, asSent: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        let isMount =
            request.operation == .uploadStart
            && (request.target.parameter("mount") != nil || request.target.parameter("from") != nil)
        let hasOwnParameter =
            request.namespace != nil || request.isMonolithic || request.count != nil
            || request.target.parameter(UploadState.parameter) != nil
        guard isRenamed || isMount || hasOwnParameter else { return asSent }
        let path = request.target.path
        let target =
            isRenamed
            ? Array("/v2/".utf8) + upstreamRepository.bytes + path.dropFirst(4 + repository.bytes.count) : Array(path)
        let query = query(of: request, isMount: isMount)
        return (query.isEmpty ? target : target + [UInt8(ascii: "?")] + query)[...]
    }

    private func query(of request: RegistryRequest, isMount: Bool) -> [UInt8] {
        var dropped = RegistryRequest.ownParameters
        // Of referrers, where the specification has no such parameter; ECR rejects large values (ECR 1.2). Berth makes the other lists itself.
        if request.count != nil { dropped.append("n") }
        if isMount { dropped.append("from") }
        // The specification lets a registry open a session in the place of a mount that is not possible.
        if mountSource == nil { dropped.append("mount") }
        // What ECR does with a digest here is not known (ECR 1.5).
        if request.isMonolithic { dropped.append("digest") }
        let query = request.target.query(without: dropped)
        // Under the name by which the rules allowed it, as it is called at the upstream.
        return mountSource.map { query + Array("&from=".utf8) + $0.bytes } ?? query
    }

    func rewriting(publicURL: [UInt8]) -> Rewriting {
        Rewriting(
            origin: upstream.origin, clientRepository: repository.bytes, upstreamRepository: upstreamRepository.bytes,
            publicURL: publicURL)
    }
}
