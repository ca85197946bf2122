import FoundationEssentials

/// An image by one of its names.
package enum ImageIdentifier: Sendable, Equatable {
    case tag(String)
    case digest(String)
}

/// What became of a BatchDeleteImage of one image.
package enum ImageDeletion: Sendable, Equatable {
    case deleted, notFound
    /// ECR's code and sentence: `ImageReferencedByManifestList`, …
    case refused(code: String, reason: String)
}

/// Repositories and images (ECR 3).
extension ECRClient {
    private struct Description: Encodable { var registryId: String?, maxResults = 1000, nextToken: String? }
    private struct Repositories: Decodable {
        struct One: Decodable { var repositoryName: String }
        var repositories: [One], nextToken: String?
    }

    /// A registry has 100,000 repositories at most (service quotas): pages beyond that would be a circle.
    private static let maxPages = 200

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
        return .refused(code: failure.failureCode ?? "unknown", reason: failure.failureReason ?? "ECR gives no reason.")
    }
}
