/// How a repository is made when a push misses it. What is nil is left to ECR.
public struct RepositoryTemplate: Sendable, Equatable {
    /// `MUTABLE` or `IMMUTABLE`.
    public var tagMutability: String?
    public var scanOnPush: Bool?
    /// Key id, ARN or alias; nil: ECR's AES256.
    public var kmsKey: String?
    public var tags: [String: String]
    /// JSON texts.
    public var policy: String?
    public var lifecyclePolicy: String?

    public init(
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
