import Crypto

/// The AWS account that the sandbox plays: everything its services share. Confined to the sandbox's loop.
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
    /// IAM says no: to the APIs, and to the registry.
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

    var registryHost: String { Names(account: id, region: region).registry }
    var bucketHost: String { Names(account: id, region: region).bucket }

    func repositoryARN(_ name: String) -> String { "arn:aws:ecr:\(region):\(id):repository/\(name)" }

    func notAuthorized(_ arn: String, to action: String, on resource: String) -> String {
        "User: \(arn) is not authorized to perform: \(action) on resource: \(resource) because no identity-based policy allows the "
            + "\(action) action"
    }

    func noRepository(_ name: String, registry: String? = nil) -> String {
        "The repository with name '\(name)' does not exist in the registry with id '\(registry ?? id)'"
    }

    /// A token of ECR's own for the next page: opaque, and good for nothing else (ECR 1.3).
    func pageToken(after last: String) -> String {
        Hexadecimal.string(of: Array(last.utf8)) + Hexadecimal.string(of: HMAC.sha256(key: pageKey, Array(last.utf8)).prefix(8))
    }

    /// nil: not one of ours.
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

/// A part of a list, and where the next begins.
struct Page<Element> {
    var elements: ArraySlice<Element>
    var next: String?

    /// - Parameter all: in an order that does not change when others are added.
    init(of all: [Element], key: (Element) -> String, after last: String?, most: Int) {
        let start = last.map { last in (all.firstIndex { key($0) == last } ?? all.count - 1) + 1 } ?? 0
        elements = all[min(start, all.count)...].prefix(most)
        next = elements.endIndex < all.count ? elements.last.map(key) : nil
    }
}
