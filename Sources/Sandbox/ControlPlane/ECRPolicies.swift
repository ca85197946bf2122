/// The API's operations on policies. Policies are stored and returned but not applied.
struct ECRPolicies {
    let account: Account

    struct PolicyResponse: Encodable {
        var registryId, repositoryName: String
        var policyText: String?, lifecyclePolicyText: String?
    }

    private static let policyCharacters = 0...10_240, lifecyclePolicyCharacters = 100...30_720

    func setRepositoryPolicy(_ request: APIRequest) throws -> PolicyResponse {
        let repository = try request.repository(in: account)
        guard let text = request.policyText, Self.policyCharacters.contains(text.count), isJSONObject(text) else {
            throw APIErrorResponse.invalidParameter("PolicyText", "Invalid repository policy provided")
        }
        try repository.update { $0.policy = text }
        return try repositoryPolicy(of: repository)
    }

    func repositoryPolicy(of repository: Repository) throws -> PolicyResponse {
        guard let text = repository.attributes.policy else {
            throw APIErrorResponse(
                "RepositoryPolicyNotFoundException",
                "Repository policy does not exist for the repository with name '\(repository.name)' in the registry with id '\(account.id)'"
            )
        }
        return PolicyResponse(registryId: account.id, repositoryName: repository.name, policyText: text)
    }

    func setLifecyclePolicy(_ request: APIRequest) throws -> PolicyResponse {
        let repository = try request.repository(in: account)
        guard let text = request.lifecyclePolicyText, Self.lifecyclePolicyCharacters.contains(text.count), isJSONObject(text) else {
            throw APIErrorResponse.invalidParameter(
                "LifecyclePolicyText", "Lifecycle policy validation failure: a JSON object of 100 to 30720 characters")
        }
        try repository.update { $0.lifecyclePolicy = text }
        return try lifecyclePolicy(of: repository)
    }

    func lifecyclePolicy(of repository: Repository) throws -> PolicyResponse {
        guard let text = repository.attributes.lifecyclePolicy else {
            throw APIErrorResponse(
                "LifecyclePolicyNotFoundException",
                "Lifecycle policy does not exist for the repository with name '\(repository.name)' in the registry with id '\(account.id)'"
            )
        }
        return PolicyResponse(registryId: account.id, repositoryName: repository.name, lifecyclePolicyText: text)
    }

    private func isJSONObject(_ text: String) -> Bool {
        struct Anything: Decodable {}
        return (try? JSON.decode([String: Anything].self, from: Array(text.utf8))) != nil
    }
}
