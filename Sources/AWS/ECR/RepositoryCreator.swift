package import Logging
package import Transport

/// Creates repositories that are missing on a push. Makes one call for each name, however many layers of an image request it at once.
package actor RepositoryCreator {
    /// The control loop.
    package nonisolated let loop: EventLoop
    /// Runs the actor on `loop`.
    package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    private let client: ECRClient
    private let registryID: String?
    private let template: RepositoryTemplate
    private let log: Logger
    private var underWay: [String: Task<Result<Void, AWSError>, Never>] = [:]
    /// When each was created or found to exist, within the last `memory`.
    private var created: [String: ContinuousClock.Instant] = [:]

    /// A push that ECR rejected before the repository existed may call this after it does.
    private static let memory = Duration.seconds(10)

    /// - Parameter registryID: the account; nil for the credentials' own.
    package init(loop: EventLoop, client: ECRClient, registryID: String? = nil, template: RepositoryTemplate, log: Logger) {
        self.loop = loop
        self.client = client
        self.registryID = registryID
        self.template = template
        self.log = log
    }

    /// Returns when the repository exists. The template's policies are set only on a repository that this call has created.
    package func create(_ repository: String) async throws(AWSError) {
        let now = ContinuousClock.now
        created = created.filter { now - $0.value < Self.memory }
        let running = underWay[repository]
        guard running != nil || created[repository] == nil else { return }
        let task = running ?? Task { await self.createOnce(repository) }
        underWay[repository] = task
        try await task.value.get()
    }

    private func createOnce(_ repository: String) async -> Result<Void, AWSError> {
        defer { underWay[repository] = nil }
        do throws(AWSError) {
            let isNew = try await client.createRepository(repository, registryID: registryID, as: template)
            created[repository] = .now
            guard isNew else { return .success(()) }
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
