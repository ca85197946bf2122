import Logging
import Transport

/// Makes repositories that pushes miss: one call a name, however many layers of an image ask at once.
public actor RepositoryCreator {
    public nonisolated let loop: EventLoop
    public nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    private let client: ECRClient
    private let registryID: String?
    private let template: RepositoryTemplate
    private let log: Logger
    private var underWay: [String: Task<Result<Void, AWSError>, Never>] = [:]

    public init(loop: EventLoop, client: ECRClient, registryID: String? = nil, template: RepositoryTemplate, log: Logger) {
        self.loop = loop
        self.client = client
        self.registryID = registryID
        self.template = template
        self.log = log
    }

    /// Returns when the repository is there, made now or before. Its policies are set only on one made now.
    public func create(_ repository: String) async throws(AWSError) {
        let task = underWay[repository] ?? Task { await self.make(repository) }
        underWay[repository] = task
        try await task.value.get()
    }

    private func make(_ repository: String) async -> Result<Void, AWSError> {
        defer { underWay[repository] = nil }
        do throws(AWSError) {
            guard try await client.createRepository(repository, registryID: registryID, as: template) else { return .success(()) }
            log.notice("repository created", metadata: ["repository": "\(repository)"])
            if let policy = template.policy { try await client.setRepositoryPolicy(policy, of: repository, registryID: registryID) }
            if let policy = template.lifecyclePolicy {
                try await client.putLifecyclePolicy(policy, of: repository, registryID: registryID)
            }
            return .success(())
        } catch {
            log.error("repository not created", metadata: ["repository": "\(repository)", "error": "\(error)"])
            return .failure(error)
        }
    }
}
