import Access
import AWS
import Registry

/// Creates the repository that a push finds missing, where the configuration says so, once for a request.
struct RepositoryCreation {
    private let registry: RegistryClient
    private let repository: Repository
    private var isTried = false

    init(_ forwarder: Forwarder) { (registry, repository) = (forwarder.registry, forwarder.route.upstreamRepository) }

    /// Whether the request is to be sent again: the repository exists now. Otherwise the upstream's own response says what the client needs
    /// to know.
    /// - Parameter status: of the upstream's response.
    mutating func creates(after status: Int) async -> Bool {
        guard status == 404, !isTried, let creation = registry.upstream.creation,
            creation.match.contains(where: { $0.matches(repository.bytes) })
        else { return false }
        isTried = true
        do throws(AWSError) { try await creation.creator.create(repository.description) } catch {
            registry.record.reason = "\(error)"
            return false
        }
        registry.countReplay(.repositoryCreated)
        return true
    }
}
