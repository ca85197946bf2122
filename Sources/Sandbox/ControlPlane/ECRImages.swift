/// The API's operations on the images of a repository.
struct ECRImages {
    let account: Account

    struct ImageList: Encodable { var imageIds: [ImageIdentifier], nextToken: String? }

    func list(_ request: APIRequest) throws -> ImageList {
        let repository = try request.repository(in: account)
        let status = request.filter?.tagStatus ?? "ANY"
        let tagged = repository.tags.map { ImageIdentifier(imageDigest: "\($1)", imageTag: $0) }
        let named = Set(repository.tags.values)
        let untagged = repository.manifests.keys.filter { !named.contains($0) }.map { ImageIdentifier(imageDigest: "\($0)") }
        let all = (status == "UNTAGGED" ? [] : tagged) + (status == "TAGGED" ? [] : untagged)
        func key(_ image: ImageIdentifier) -> String { "\(image.imageDigest ?? "") \(image.imageTag ?? "")" }
        let page = try request.page(of: all.sorted { key($0) < key($1) }, key: key, account: account)
        return ImageList(imageIds: Array(page.elements), nextToken: page.next.map(account.pageToken))
    }

    struct Failure: Encodable { var imageId: ImageIdentifier, failureCode, failureReason: String }
    struct Deletion: Encodable { var imageIds: [ImageIdentifier] = [], failures: [Failure] = [] }

    /// BatchDeleteImage. The status is 200 even when images fail (ECR 3).
    func delete(_ request: APIRequest) throws -> Deletion {
        let repository = try request.repository(in: account)
        guard let images = request.imageIds, (1...100).contains(images.count) else {
            throw APIErrorResponse.invalidParameter("imageIds", "Member must have length between 1 and 100")
        }
        var deletion = Deletion()
        for image in images {
            if let (code, reason) = reasonNotToDelete(image, from: repository) {
                deletion.failures.append(Failure(imageId: image, failureCode: code, failureReason: reason))
                continue
            }
            if let tag = image.imageTag, let digest = repository.tags[tag] {
                deletion.imageIds.append(ImageIdentifier(imageDigest: "\(digest)", imageTag: tag))
                repository.remove(tag: tag)
            } else if let digest = image.imageDigest.flatMap(ContentDigest.init) {
                let tags = repository.tags.filter { $1 == digest }.map {
                    ImageIdentifier(imageDigest: "\(digest)", imageTag: $0.key)
                }
                deletion.imageIds += tags.isEmpty ? [ImageIdentifier(imageDigest: "\(digest)")] : tags
                repository.remove(manifest: digest)
            }
        }
        return deletion
    }

    private func reasonNotToDelete(_ image: ImageIdentifier, from repository: Repository) -> (String, String)? {
        let digest = image.imageDigest.map(ContentDigest.init)
        switch (digest, image.imageTag) {
        case (nil, nil): return ("MissingDigestAndTag", "Invalid request parameters: both tag and digest cannot be null")
        case (.some(nil), _):
            return (
                "InvalidImageDigest",
                "Invalid request parameters: image digest should satisfy the regex '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'"
            )
        case (let digest, let tag?):
            guard let target = repository.tags[tag] else { return ("ImageNotFound", "Requested image not found") }
            if let digest, digest != target {
                return ("ImageTagDoesNotMatchDigest", "The digest and the tag name different images")
            }
            return referrer(of: target, tagsLeft: repository.tags.values.count { $0 == target } - 1, in: repository)
        case (.some(let digest?), nil):
            guard repository.manifests[digest] != nil else { return ("ImageNotFound", "Requested image not found") }
            return referrer(of: digest, tagsLeft: 0, in: repository)
        }
    }

    /// ECR does not delete an image that an index refers to.
    private func referrer(of digest: ContentDigest, tagsLeft: Int, in repository: Repository) -> (String, String)? {
        guard tagsLeft == 0, let index = repository.manifests.first(where: { $1.images.contains(digest) }) else { return nil }
        return ("ImageReferencedByManifestList", "Requested image referenced by manifest list: [\(index.key)]")
    }
}
