/// The settings of repositories that are created on a push. ECR decides on those that are nil.
package struct RepositoryTemplate: Sendable, Equatable {
    /// `MUTABLE` or `IMMUTABLE`.
    package var tagMutability: String?
    /// Whether ECR scans each image that is pushed.
    package var scanOnPush: Bool?
    /// Key id, ARN or alias; nil: AES256 with ECR's own key.
    package var kmsKey: String?
    /// AWS tags of the repository, not of images.
    package var tags: [String: String]
    /// JSON, at most 10,240 characters.
    package var policy: String?
    /// JSON, 100 to 30,720 characters.
    package var lifecyclePolicy: String?

    /// Nothing set: all is left to ECR.
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
