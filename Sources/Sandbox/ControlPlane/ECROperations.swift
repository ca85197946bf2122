import Crypto

/// The operations of ECR's API that are played (ECR 2.1, 3).
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

    /// The members of all their requests; each operation reads its own.
    struct Request: Decodable {
        struct Scanning: Decodable { var scanOnPush: Bool? }
        struct Encryption: Decodable { var encryptionType: String, kmsKey: String? }
        struct Filter: Decodable { var tagStatus: String? }
        var registryId: String?, registryIds: [String]?
        var repositoryName: String?, repositoryNames: [String]?
        var imageTagMutability: String?
        var imageScanningConfiguration: Scanning?
        var encryptionConfiguration: Encryption?
        var tags: [RepositoryTag]?
        var resourceArn: String?
        var policyText: String?, lifecyclePolicyText: String?
        var filter: Filter?
        var imageIds: [ImageIdentifier]?
        var nextToken: String?, maxResults: Int?
    }

    struct ImageIdentifier: Codable { var imageDigest: String?, imageTag: String? }

    let account: Account

    init(account: Account) { self.account = account }

    func run(_ name: Name, _ request: Request, by caller: Caller) throws -> [UInt8] {
        if let id = request.registryId, id != account.id {
            throw APIRefusal("RepositoryNotFoundException", account.noRepository(request.repositoryName ?? "*", registry: id))
        }
        return switch name {
        case .getAuthorizationToken: try authorizationToken(request, caller)
        case .createRepository: try JSON.bytes(of: ["repository": create(request)])
        case .describeRepositories: try JSON.bytes(of: describe(request))
        case .setRepositoryPolicy: try JSON.bytes(of: setPolicy(request))
        case .getRepositoryPolicy: try JSON.bytes(of: policy(of: repository(request)))
        case .putLifecyclePolicy: try JSON.bytes(of: putLifecyclePolicy(request))
        case .getLifecyclePolicy: try JSON.bytes(of: lifecyclePolicy(of: repository(request)))
        case .listImages: try JSON.bytes(of: listImages(request))
        case .batchDeleteImage: try JSON.bytes(of: batchDeleteImage(request))
        case .listTagsForResource: try JSON.bytes(of: ["tags": tags(request)])
        }
    }

    func repository(_ request: Request) throws -> Repository {
        guard let name = request.repositoryName else {
            throw APIRefusal.invalidParameter("repositoryName", "Member must not be null")
        }
        guard let repository = account.repositories[name] else {
            throw APIRefusal("RepositoryNotFoundException", account.noRepository(name))
        }
        return repository
    }

    /// One token, said once for each registry asked for. `expiresAt` is in exponent notation, as AWS writes it.
    private func authorizationToken(_ request: Request, _ caller: Caller) throws -> [UInt8] {
        let ids = request.registryIds ?? [account.id]
        guard (1...10).contains(ids.count), ids.allSatisfy({ $0.utf8.count == 12 && $0.utf8.allSatisfy { $0 &- 48 < 10 } }) else {
            throw APIRefusal.invalidParameter("registryIds", "1 to 10 members of 12 digits")
        }
        let (token, expiration) = try account.tokens.issue(to: caller, now: account.clock.seconds)
        account.counters.authorizationTokens += 1
        let digits = String(expiration)
        let expiresAt = "\(digits.prefix(1)).\(digits.dropFirst())E\(digits.utf8.count - 1)"
        // Base64 and digits need no escapes.
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

    private func tags(_ request: Request) throws -> [RepositoryTag] {
        guard let repository = account.repositories.all.first(where: { account.repositoryARN($0.name) == request.resourceArn })
        else {
            throw APIRefusal("RepositoryNotFoundException", account.noRepository(request.resourceArn ?? "*"))
        }
        return repository.attributes.tags ?? []
    }

    private func create(_ request: Request) throws -> RepositoryDescription {
        guard let name = request.repositoryName, Repositories.isName(name) else {
            throw APIRefusal.invalidParameter(
                "repositoryName",
                "must satisfy regular expression '[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*)*'")
        }
        let mutability = request.imageTagMutability ?? "MUTABLE"
        guard mutability == "MUTABLE" || mutability == "IMMUTABLE" else {
            throw APIRefusal.invalidParameter("imageTagMutability", "Member must satisfy enum value set: [MUTABLE, IMMUTABLE]")
        }
        guard account.repositories[name] == nil else {
            throw APIRefusal(
                "RepositoryAlreadyExistsException",
                "The repository with name '\(name)' already exists in the registry with id '\(account.id)'")
        }
        guard !account.repositories.isFull else {
            throw APIRefusal("LimitExceededException", "The sandbox has as many repositories as it takes")
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

    private func describe(_ request: Request) throws -> Descriptions {
        if let names = request.repositoryNames {
            guard names.count <= 100, request.nextToken == nil, request.maxResults == nil else {
                throw APIRefusal.invalidParameter("repositoryNames", "at most 100, and neither nextToken nor maxResults with them")
            }
            return try Descriptions(
                repositories: names.map { name in
                    guard let repository = account.repositories[name] else {
                        throw APIRefusal("RepositoryNotFoundException", account.noRepository(name))
                    }
                    return description(of: repository)
                })
        }
        let page = try page(of: account.repositories.all, key: \.name, request)
        return Descriptions(repositories: page.elements.map(description), nextToken: page.next.map(account.pageToken))
    }

    func page<Element>(of all: [Element], key: (Element) -> String, _ request: Request) throws -> Page<Element> {
        let most = request.maxResults ?? 100
        guard (1...1000).contains(most) else {
            throw APIRefusal.invalidParameter("maxResults", "Member must have value between 1 and 1000")
        }
        let last = request.nextToken.map(account.last)
        if case .some(nil) = last { throw APIRefusal.invalidParameter("NextToken", "Invalid next token provided") }
        return Page(of: all, key: key, after: last ?? nil, most: most)
    }
}
