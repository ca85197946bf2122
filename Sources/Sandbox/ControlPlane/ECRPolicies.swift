/// Policies are kept and given back; the sandbox does not follow them.
extension ECROperations {
    struct PolicyAnswer: Encodable {
        var registryId, repositoryName: String
        var policyText: String?, lifecyclePolicyText: String?
    }

    private static let policyCharacters = 0...10_240, lifecyclePolicyCharacters = 100...30_720

    func setPolicy(_ request: Request) throws -> PolicyAnswer {
        let repository = try repository(request)
        guard let text = request.policyText, Self.policyCharacters.contains(text.count), isJSONObject(text) else {
            throw APIRefusal.invalidParameter("PolicyText", "Invalid repository policy provided")
        }
        try repository.update { $0.policy = text }
        return try policy(of: repository)
    }

    func policy(of repository: Repository) throws -> PolicyAnswer {
        guard let text = repository.attributes.policy else {
            throw APIRefusal(
                "RepositoryPolicyNotFoundException",
                "Repository policy does not exist for the repository with name '\(repository.name)' in the registry with id '\(account.id)'"
            )
        }
        return PolicyAnswer(registryId: account.id, repositoryName: repository.name, policyText: text)
    }

    func putLifecyclePolicy(_ request: Request) throws -> PolicyAnswer {
        let repository = try repository(request)
        guard let text = request.lifecyclePolicyText, Self.lifecyclePolicyCharacters.contains(text.count), isJSONObject(text) else {
            throw APIRefusal.invalidParameter(
                "LifecyclePolicyText", "Lifecycle policy validation failure: a JSON object of 100 to 30720 characters")
        }
        try repository.update { $0.lifecyclePolicy = text }
        return try lifecyclePolicy(of: repository)
    }

    func lifecyclePolicy(of repository: Repository) throws -> PolicyAnswer {
        guard let text = repository.attributes.lifecyclePolicy else {
            throw APIRefusal(
                "LifecyclePolicyNotFoundException",
                "Lifecycle policy does not exist for the repository with name '\(repository.name)' in the registry with id '\(account.id)'"
            )
        }
        return PolicyAnswer(registryId: account.id, repositoryName: repository.name, lifecyclePolicyText: text)
    }

    private func isJSONObject(_ text: String) -> Bool {
        struct Anything: Decodable {}
        return (try? JSON.decode([String: Anything].self, from: Array(text.utf8))) != nil
    }
}
