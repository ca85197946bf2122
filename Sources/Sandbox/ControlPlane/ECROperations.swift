import Crypto

/// The emulated operations of ECR's API (ECR 2.1, 3): the token and the repositories. Images and policies are in types of their own.
final class ECROperations {
    enum Name: String {
        case getAuthorizationToken = "GetAuthorizationToken"
        case createRepository = "CreateRepository"
        case describeRepositories = "DescribeRepositories"
        case setRepositoryPolicy = "SetRepositoryPolicy"
        case getRepositoryPolicy = "GetRepositoryPolicy"
        case putLifecyclePolicy = "PutLifecyclePolicy"
        case getLifecyclePolicy = "GetLifecyclePolicy"
        case listImages = "ListImages"
        case batchDeleteImage = "BatchDeleteImage"
        case listTagsForResource = "ListTagsForResource"
    }

    private let account: Account
    private let images: ECRImages
    private let policies: ECRPolicies

    init(account: Account) {
        self.account = account
        images = ECRImages(account: account)
        policies = ECRPolicies(account: account)
    }

    func run(_ name: Name, _ request: APIRequest, by caller: Caller) throws -> [UInt8] {
        if let id = request.registryId, id != account.id {
            throw APIErrorResponse("RepositoryNotFoundException", account.noRepository(request.repositoryName ?? "*", registry: id))
        }
        return switch name {
        case .getAuthorizationToken: try authorizationToken(request, caller)
        case .createRepository: try JSON.bytes(of: ["repository": create(request)])
        case .describeRepositories: try JSON.bytes(of: describe(request))
        case .setRepositoryPolicy: try JSON.bytes(of: policies.setRepositoryPolicy(request))
        case .getRepositoryPolicy: try JSON.bytes(of: policies.repositoryPolicy(of: request.repository(in: account)))
        case .putLifecyclePolicy: try JSON.bytes(of: policies.setLifecyclePolicy(request))
        case .getLifecyclePolicy: try JSON.bytes(of: policies.lifecyclePolicy(of: request.repository(in: account)))
        case .listImages: try JSON.bytes(of: images.list(request))
        case .batchDeleteImage: try JSON.bytes(of: images.delete(request))
        case .listTagsForResource: try JSON.bytes(of: ["tags": tags(request)])
        }
    }

    /// One token, repeated for each registry in the request. `expiresAt` is in exponent notation, as AWS writes it.
    private func authorizationToken(_ request: APIRequest, _ caller: Caller) throws -> [UInt8] {
        let ids = request.registryIds ?? [account.id]
        guard (1...10).contains(ids.count), ids.allSatisfy({ $0.utf8.count == 12 && $0.utf8.allSatisfy { $0 &- 48 < 10 } }) else {
            throw APIErrorResponse.invalidParameter("registryIds", "1 to 10 members of 12 digits")
        }
        let (token, expiration) = try account.tokens.issue(to: caller, now: account.clock.seconds)
        account.counters.authorizationTokens += 1
        let digits = String(expiration)
        let expiresAt = "\(digits.prefix(1)).\(digits.dropFirst())E\(digits.utf8.count - 1)"
        // Written by hand, as JSONEncoder writes no exponents. Base64 and digits need no escapes.
        let entries = ids.map { id in
            "{\"authorizationToken\":\"\(token.reveal)\",\"expiresAt\":\(expiresAt),"
                + "\"proxyEndpoint\":\"https://\(id).dkr.ecr.\(account.region).amazonaws.com\"}"
        }
        return Array("{\"authorizationData\":[\(entries.joined(separator: ","))]}".utf8)
    }

    // MARK: Repositories

    struct RepositoryDescription: Encodable {
        struct Scanning: Encodable { var scanOnPush: Bool }
        struct Encryption: Encodable { var encryptionType: String, kmsKey: String? }
        var repositoryArn, registryId, repositoryName, repositoryUri: String
        var createdAt: Double
        var imageTagMutability: String
        var imageScanningConfiguration: Scanning
        var encryptionConfiguration: Encryption
    }

    private func description(of repository: Repository) -> RepositoryDescription {
        RepositoryDescription(
            repositoryArn: account.repositoryARN(repository.name), registryId: account.id, repositoryName: repository.name,
            repositoryUri: "\(account.registryHost)/\(repository.name)", createdAt: repository.attributes.createdAt,
            imageTagMutability: repository.attributes.isImmutable ? "IMMUTABLE" : "MUTABLE",
            imageScanningConfiguration: .init(scanOnPush: repository.attributes.scanOnPush),
            encryptionConfiguration: .init(
                encryptionType: repository.attributes.kmsKey == nil ? "AES256" : "KMS", kmsKey: repository.attributes.kmsKey))
    }

    private func tags(_ request: APIRequest) throws -> [RepositoryTag] {
        guard let repository = account.repositories.all.first(where: { account.repositoryARN($0.name) == request.resourceArn })
        else {
            throw APIErrorResponse("RepositoryNotFoundException", account.noRepository(request.resourceArn ?? "*"))
        }
        return repository.attributes.tags ?? []
    }

    private func create(_ request: APIRequest) throws -> RepositoryDescription {
        guard let name = request.repositoryName, Repositories.isName(name) else {
            throw APIErrorResponse.invalidParameter(
                "repositoryName",
                "must satisfy regular expression '[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*)*'")
        }
        let mutability = request.imageTagMutability ?? "MUTABLE"
        guard mutability == "MUTABLE" || mutability == "IMMUTABLE" else {
            throw APIErrorResponse.invalidParameter(
                "imageTagMutability", "Member must satisfy enum value set: [MUTABLE, IMMUTABLE]")
        }
        guard account.repositories[name] == nil else {
            throw APIErrorResponse(
                "RepositoryAlreadyExistsException",
                "The repository with name '\(name)' already exists in the registry with id '\(account.id)'")
        }
        guard !account.repositories.isFull else {
            throw APIErrorResponse("LimitExceededException", "The sandbox has as many repositories as it takes")
        }
        var attributes = RepositoryAttributes(name: name, createdAt: account.clock.now)
        attributes.isImmutable = mutability == "IMMUTABLE"
        attributes.scanOnPush = request.imageScanningConfiguration?.scanOnPush ?? false
        (attributes.kmsKey, attributes.tags) = (request.encryptionConfiguration?.kmsKey, request.tags)
        return description(of: try account.repositories.create(attributes))
    }

    private struct Descriptions: Encodable {
        var repositories: [RepositoryDescription]
        var nextToken: String?
    }

    private func describe(_ request: APIRequest) throws -> Descriptions {
        if let names = request.repositoryNames {
            guard names.count <= 100, request.nextToken == nil, request.maxResults == nil else {
                throw APIErrorResponse.invalidParameter(
                    "repositoryNames", "at most 100, and neither nextToken nor maxResults with them")
            }
            return try Descriptions(
                repositories: names.map { name in
                    guard let repository = account.repositories[name] else {
                        throw APIErrorResponse("RepositoryNotFoundException", account.noRepository(name))
                    }
                    return description(of: repository)
                })
        }
        let page = try request.page(of: account.repositories.all, key: \.name, account: account)
        return Descriptions(repositories: page.elements.map(description), nextToken: page.next.map(account.pageToken))
    }
}
