package import Transport

/// What of a registry the API tells or does where its data plane does not (ECR 1.3): the names of its repositories, the end of an image.
package actor RepositoryDirectory {
    package nonisolated let loop: EventLoop
    package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    private let client: ECRClient
    private let registryID: String?

    /// - Parameter registryID: the account.
    package init(loop: EventLoop, client: ECRClient, registryID: String?) {
        (self.loop, self.client, self.registryID) = (loop, client, registryID)
    }

    /// All of them, in ECR's order.
    package func names() async throws(AWSError) -> [String] { try await client.repositoryNames(registryID: registryID) }

    /// By digest: the image and all its tags. By tag: the tag, and the image when it was its last.
    package func deleteImage(_ image: ImageIdentifier, in repository: String) async throws(AWSError) -> ImageDeletion {
        try await client.deleteImage(image, in: repository, registryID: registryID)
    }
}
