/// How a repository is made when a push misses it. What is nil is left to ECR.
package struct RepositoryTemplate: Sendable, Equatable {
    /// `MUTABLE` or `IMMUTABLE`.
    package var tagMutability: String?
    package var scanOnPush: Bool?
    /// Key id, ARN or alias; nil: ECR's AES256.
    package var kmsKey: String?
    package var tags: [String: String]
    /// JSON texts.
    package var policy: String?
    package var lifecyclePolicy: String?

    package init(
        tagMutability: String? = nil, scanOnPush: Bool? = nil, kmsKey: String? = nil, tags: [String: String] = [:],
        policy: String? = nil,
        lifecyclePolicy: String? = nil
    ) {
        self.tagMutability = tagMutability
        self.scanOnPush = scanOnPush
        self.kmsKey = kmsKey
        self.tags = tags
        self.policy = policy
        self.lifecyclePolicy = lifecyclePolicy
    }
}
