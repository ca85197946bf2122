import AWS
import Access
import Registry

/// Creates the repository that a push finds missing, where the configuration says so, once for a request.
struct RepositoryCreation {
    private let registry: RegistryClient
    private let repository: Repository
    private var isTried = false

    init(_ forwarder: Forwarder) { (registry, repository) = (forwarder.registry, forwarder.route.upstreamRepository) }

    /// Whether the repository is to be created after a response with this status.
    func applies(to status: Int) -> Bool {
        status == 404 && !isTried && registry.upstream.creation?.match.contains { $0.matches(repository.bytes) } == true
    }

    /// Creates it. true: it exists now, and the request is to be sent again. Otherwise the upstream's own response says what the client needs
    /// to know.
    mutating func create() async -> Bool {
        isTried = true
        guard let creation = registry.upstream.creation else { return false }
        do throws(AWSError) { try await creation.creator.create(repository.description) } catch {
            registry.record.reason = "\(error)"
            return false
        }
        registry.retries.count(.repositoryCreated)
        return true
    }
}
