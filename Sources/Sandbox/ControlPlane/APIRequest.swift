/// The members of the requests of ECR's API that are emulated. Each operation reads its own.
struct APIRequest: Decodable {
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

    /// The repository of `repositoryName`, or ECR's error.
    func repository(in account: Account) throws -> Repository {
        guard let name = repositoryName else {
            throw APIErrorResponse.invalidParameter("repositoryName", "Member must not be null")
        }
        guard let repository = account.repositories[name] else {
            throw APIErrorResponse("RepositoryNotFoundException", account.noRepository(name))
        }
        return repository
    }

    /// The page that `nextToken` and `maxResults` name, or ECR's error.
    func page<Element>(of all: [Element], key: (Element) -> String, account: Account) throws -> Page<Element> {
        let limit = maxResults ?? 100
        guard (1...1000).contains(limit) else {
            throw APIErrorResponse.invalidParameter("maxResults", "Member must have value between 1 and 1000")
        }
        let last = nextToken.map(account.last)
        if case .some(nil) = last { throw APIErrorResponse.invalidParameter("NextToken", "Invalid next token provided") }
        return Page(of: all, key: key, after: last ?? nil, limit: limit)
    }
}
