import Crypto
package import FoundationEssentials
package import Transport

/// The calls of Amazon ECR's API that Berth makes (ECR 2.1, 3), from the control loop.
package struct ECRClient: Sendable {
    let service: JSONService

    /// - Parameters:
    ///   - now: this machine's clock.
    ///   - throttled: called for each response that limits the rate of calls.
    package init(
        httpClient: HTTPClient, endpoint: ServiceEndpoint, credentials: CredentialKeeper,
        now: @escaping @Sendable () -> Date = { Date() }, throttled: @escaping @Sendable () -> Void = {}
    ) {
        service = JSONService(
            service: SignedService(httpClient: httpClient, endpoint: endpoint, name: "ecr", throttled: throttled, now: now),
            credentials: credentials,
            target: "AmazonEC2ContainerRegistry_V20150921")
    }

    init(service: JSONService) { self.service = service }

    private struct Nothing: Encodable {}

    // MARK: Token

    private struct Authorization: Decodable {
        struct Entry: Decodable {
            var authorizationToken: String
            /// Seconds since 1970, perhaps with a fraction or an exponent.
            var expiresAt: Double?
        }
        var authorizationData: [Entry]
    }

    /// Fetches a token. It is valid for every registry of the region that these credentials can reach (ECR 2.1).
    package func authorizationToken() async throws(AWSError) -> FetchedToken {
        let body = try await service.call("GetAuthorizationToken", Nothing())
        guard let entry = try? JSONDecoder().decode(Authorization.self, from: Data(body)).authorizationData.first else {
            throw service.malformed("GetAuthorizationToken", "no authorizationData")
        }
        let token = entry.authorizationToken
        guard FetchedToken.isUsable(token) else {
            throw service.malformed("GetAuthorizationToken", "a token of \(token.utf8.count) bytes that does not fit in a field")
        }
        // By this machine's clock, so that a wrong clock does not make a token look expired.
        let expiresAt = entry.expiresAt.map { Date(timeIntervalSince1970: $0 - Double(service.service.clock.seconds)) }
        return FetchedToken(authorizationToken: Secret(token), expiresAt: expiresAt)
    }

    // MARK: Repositories

    private struct Creation: Encodable {
        struct Tag: Encodable { var Key: String, Value: String }
        struct Scanning: Encodable { var scanOnPush: Bool }
        struct Encryption: Encodable { var encryptionType = "KMS", kmsKey: String }
        var repositoryName: String, registryId: String?, tags: [Tag]?, imageTagMutability: String?
        var imageScanningConfiguration: Scanning?, encryptionConfiguration: Encryption?
    }

    /// Returns true when the repository is new, false when it existed already: another replica may have been faster.
    /// - Parameter registryID: the account; nil for the credentials' own.
    @discardableResult
    package func createRepository(_ name: String, registryID: String? = nil, as template: RepositoryTemplate) async throws(AWSError)
        -> Bool
    {
        let creation = Creation(
            repositoryName: name, registryId: registryID,
            tags: template.tags.isEmpty
                ? nil : template.tags.sorted { $0.key < $1.key }.map { .init(Key: $0.key, Value: $0.value) },
            imageTagMutability: template.tagMutability,
            imageScanningConfiguration: template.scanOnPush.map { .init(scanOnPush: $0) },
            encryptionConfiguration: template.kmsKey.map { .init(kmsKey: $0) })
        do throws(AWSError) {
            _ = try await service.call("CreateRepository", creation)
            return true
        } catch {
            guard error.code == "RepositoryAlreadyExistsException" else { throw error }
            return false
        }
    }

    private struct Policy: Encodable {
        var repositoryName: String, registryId: String?, policyText: String? = nil, lifecyclePolicyText: String? = nil
    }

    /// - Parameters:
    ///   - text: the policy's JSON, at most 10,240 characters.
    ///   - registryID: the account; nil for the credentials' own.
    package func setRepositoryPolicy(_ text: String, of name: String, registryID: String? = nil) async throws(AWSError) {
        _ = try await service.call("SetRepositoryPolicy", Policy(repositoryName: name, registryId: registryID, policyText: text))
    }

    /// - Parameters:
    ///   - text: the policy's JSON, 100 to 30,720 characters.
    ///   - registryID: the account; nil for the credentials' own.
    package func putLifecyclePolicy(_ text: String, of name: String, registryID: String? = nil) async throws(AWSError) {
        _ = try await service.call(
            "PutLifecyclePolicy", Policy(repositoryName: name, registryId: registryID, lifecyclePolicyText: text))
    }

    // MARK: Images

    private struct Description: Encodable { var registryId: String?, maxResults = 1000, nextToken: String? }
    private struct Repositories: Decodable {
        struct One: Decodable { var repositoryName: String }
        var repositories: [One], nextToken: String?
    }

    /// Pages have 1000 names, and a registry has at most 100,000 repositories (service quotas). More pages mean that they repeat.
    private static let maxPages = 200

    /// The names of all repositories, in ECR's order.
    /// - Parameter registryID: the account; nil for the credentials' own.
    package func repositoryNames(registryID: String? = nil) async throws(AWSError) -> [String] {
        var names: [String] = []
        var next: String?
        for _ in 0..<Self.maxPages {
            let body = try await service.call("DescribeRepositories", Description(registryId: registryID, nextToken: next))
            guard let page = try? JSONDecoder().decode(Repositories.self, from: Data(body)) else {
                throw service.malformed("DescribeRepositories", "no repositories")
            }
            names += page.repositories.map(\.repositoryName)
            next = page.nextToken
            if next == nil { return names }
        }
        throw service.malformed("DescribeRepositories", "no end of pages")
    }

    private struct Deletion: Encodable {
        struct Image: Encodable { var imageTag: String?, imageDigest: String? }
        var registryId: String?, repositoryName: String, imageIds: [Image]
    }
    private struct Deleted: Decodable {
        struct Failure: Decodable { var failureCode: String?, failureReason: String? }
        var failures: [Failure]?
    }

    /// Deletes an image or a tag. Throws only when the call itself fails; ECR's reason not to delete the image is a result.
    /// - Parameter registryID: the account; nil for the credentials' own.
    package func deleteImage(_ image: ImageIdentifier, in repository: String, registryID: String? = nil) async throws(AWSError)
        -> ImageDeletion
    {
        let named =
            switch image {
            case .tag(let tag): Deletion.Image(imageTag: tag)
            case .digest(let digest): Deletion.Image(imageDigest: digest)
            }
        let body = try await service.call(
            "BatchDeleteImage", Deletion(registryId: registryID, repositoryName: repository, imageIds: [named]))
        guard let deleted = try? JSONDecoder().decode(Deleted.self, from: Data(body)) else {
            throw service.malformed("BatchDeleteImage", "neither images nor failures")
        }
        guard let failure = deleted.failures?.first else { return .deleted }
        guard failure.failureCode != "ImageNotFound" else { return .notFound }
        return .rejected(code: failure.failureCode ?? "unknown", reason: failure.failureReason ?? "ECR gives no reason.")
    }
}
