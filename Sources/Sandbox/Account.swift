import Crypto

/// The emulated AWS account: the state that all services share. Confined to the sandbox's loop.
final class Account {
    let id: String
    let region: String
    let clock = Clock()
    let quirks: Quirks
    let counters = Counters()
    let keys: KeyRing
    let tokens: AuthorizationTokens
    let urls: PresignedURLs
    let blobs: BlobStore
    let uploads: Uploads
    let repositories: Repositories
    /// Whether IAM denies every API call, and every registry request.
    var isAPIDenied = false, isRegistryDenied = false

    init(_ settings: SandboxSettings, user: SigningKeys, directory: String) throws {
        (id, region) = (settings.account, settings.region)
        quirks = Quirks(settings.quirks)
        keys = KeyRing(user: user)
        tokens = AuthorizationTokens(region: region)
        urls = PresignedURLs(region: region)
        blobs = try BlobStore(directory: "\(directory)/blobs")
        uploads = try Uploads(directory: "\(directory)/uploads")
        repositories = try Repositories(directory: "\(directory)/repositories")
    }

    var registryHost: String { AWSHosts(account: id, region: region).registry }
    var bucketHost: String { AWSHosts(account: id, region: region).bucket }

    func repositoryARN(_ name: String) -> String { "arn:aws:ecr:\(region):\(id):repository/\(name)" }

    func notAuthorized(_ arn: String, to action: String, on resource: String) -> String {
        "User: \(arn) is not authorized to perform: \(action) on resource: \(resource) because no identity-based policy allows the "
            + "\(action) action"
    }

    func noRepository(_ name: String, registry: String? = nil) -> String {
        "The repository with name '\(name)' does not exist in the registry with id '\(registry ?? id)'"
    }

    /// An opaque token for the next page, as ECR gives one (ECR 1.3).
    /// - Parameter last: the key of the last element on this page.
    func pageToken(after last: String) -> String {
        Hexadecimal.string(of: Array(last.utf8))
            + Hexadecimal.string(of: Array(HMAC.sha256(key: pageKey, Array(last.utf8)).prefix(8)))
    }

    /// The key in a page token; nil when the sandbox did not issue it.
    func last(in pageToken: String) -> String? {
        let digits = Array(pageToken.utf8.dropLast(16))
        guard digits.count % 2 == 0, digits.count <= 1024 else { return nil }
        let bytes = stride(from: 0, to: digits.count, by: 2).compactMap {
            UInt8(String(decoding: digits[$0...($0 + 1)], as: UTF8.self), radix: 16)
        }
        let last = String(decoding: bytes, as: UTF8.self)
        return self.pageToken(after: last) == pageToken ? last : nil
    }

    private let pageKey = randomBytes(32)
}
