package import Logging
package import Transport

/// Makes repositories that pushes miss: one call a name, however many layers of an image ask at once.
package actor RepositoryCreator {
    package nonisolated let loop: EventLoop
    package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    private let client: ECRClient
    private let registryID: String?
    private let template: RepositoryTemplate
    private let log: Logger
    private var underWay: [String: Task<Result<Void, AWSError>, Never>] = [:]
    /// When each was made.
    private var made: [String: ContinuousClock.Instant] = [:]

    /// A layer may ask now that was told before that there is no repository.
    private static let lateAsking = Duration.seconds(10)

    package init(loop: EventLoop, client: ECRClient, registryID: String? = nil, template: RepositoryTemplate, log: Logger) {
        self.loop = loop
        self.client = client
        self.registryID = registryID
        self.template = template
        self.log = log
    }

    /// Returns when the repository is there, made now or before. Its policies are set only on one made now.
    package func create(_ repository: String) async throws(AWSError) {
        let now = ContinuousClock.now
        made = made.filter { now - $0.value < Self.lateAsking }
        let running = underWay[repository]
        guard running != nil || made[repository] == nil else { return }
        let task = running ?? Task { await self.make(repository) }
        underWay[repository] = task
        try await task.value.get()
    }

    private func make(_ repository: String) async -> Result<Void, AWSError> {
        defer { underWay[repository] = nil }
        do throws(AWSError) {
            let isNew = try await client.createRepository(repository, registryID: registryID, as: template)
            made[repository] = .now
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
