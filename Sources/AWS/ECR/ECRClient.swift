package import Crypto
package import FoundationEssentials
package import Transport

/// The calls of Amazon ECR's API that the gateway makes (ECR 2.1, 3). From the control loop.
package struct ECRClient: Sendable {
    let service: JSONService

    /// `now`: this machine's clock.
    package init(
        caller: HTTPClient, endpoint: ServiceEndpoint, credentials: CredentialKeeper,
        now: @escaping @Sendable () -> Date = { Date() }
    ) {
        service = JSONService(
            service: SignedService(caller: caller, endpoint: endpoint, name: "ecr", now: now), credentials: credentials,
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

    /// One token serves every registry of the region that these credentials reach (ECR 2.1).
    package func authorizationToken() async throws(AWSError) -> FetchedToken {
        let body = try await service.call("GetAuthorizationToken", Nothing())
        guard let entry = try? JSONDecoder().decode(Authorization.self, from: Data(body)).authorizationData.first else {
            throw service.malformed("GetAuthorizationToken", "no authorizationData")
        }
        let token = entry.authorizationToken
        guard FetchedToken.isUsable(token) else {
            throw service.malformed("GetAuthorizationToken", "a token of \(token.utf8.count) bytes that does not fit in a field")
        }
        // In this machine's time, so that a clock that is off does not make a token look dead.
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

    /// True when it is new, false when it was there already (another replica may have been faster).
    /// `registryID`: the account, when it is not the credentials' own.
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

    /// `text`: the policy's JSON, at most 10,240 characters.
    package func setRepositoryPolicy(_ text: String, of name: String, registryID: String? = nil) async throws(AWSError) {
        _ = try await service.call("SetRepositoryPolicy", Policy(repositoryName: name, registryId: registryID, policyText: text))
    }

    /// `text`: the policy's JSON, 100 to 30,720 characters.
    package func putLifecyclePolicy(_ text: String, of name: String, registryID: String? = nil) async throws(AWSError) {
        _ = try await service.call(
            "PutLifecyclePolicy", Policy(repositoryName: name, registryId: registryID, lifecyclePolicyText: text))
    }
}

/// What GetAuthorizationToken brought.
package struct FetchedToken: Sendable {
    /// base64 of `AWS:password`, or a bearer: what follows the scheme in a request, as it is.
    package var authorizationToken: Secret<String>
    /// A hint, not a promise; nil when the answer had none.
    package var expiresAt: Date?
    /// What stands before it in `Authorization`.
    package var scheme = Scheme.basic

    package enum Scheme: String, Sendable { case basic = "Basic", bearer = "Bearer" }

    package init(authorizationToken: Secret<String>, expiresAt: Date?, scheme: Scheme = .basic) {
        (self.authorizationToken, self.expiresAt, self.scheme) = (authorizationToken, expiresAt, scheme)
    }

    /// The whole value of `Authorization`. A secret: not for a log.
    package var fieldValue: String { "\(scheme.rawValue) \(authorizationToken.reveal)" }

    /// Visible characters; known ones have 2 to 4 thousand (ECR 2.1). It must fit in a request head.
    private static let longest = 16 << 10
    static func isUsable(_ token: String) -> Bool {
        !token.isEmpty && token.utf8.count <= longest && token.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
    }
}
