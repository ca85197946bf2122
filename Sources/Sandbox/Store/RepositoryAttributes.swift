/// The settings of a repository.
struct RepositoryAttributes: Codable {
    var name: String
    /// Seconds since 1970.
    var createdAt: Double
    var isImmutable = false
    var scanOnPush = false
    var policy: String?
    var lifecyclePolicy: String?
    /// nil: AES256.
    var kmsKey: String?
    var tags: [RepositoryTag]?
}
