package import Transport

/// What a registry's data plane lacks and ECR's API has (ECR 1.3): the list of repositories, and the deletion of images by tag.
package actor RepositoryDirectory {
    /// The control loop.
    package nonisolated let loop: EventLoop
    /// Runs the actor on `loop`.
    package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    private let client: ECRClient
    private let registryID: String?

    /// - Parameter registryID: the account; nil for the credentials' own.
    package init(loop: EventLoop, client: ECRClient, registryID: String?) {
        (self.loop, self.client, self.registryID) = (loop, client, registryID)
    }

    /// The names of all repositories, in ECR's order.
    package func names() async throws(AWSError) -> [String] { try await client.repositoryNames(registryID: registryID) }

    /// By digest, deletes the image and all its tags. By tag, deletes the tag, and the image with its last tag.
    package func deleteImage(_ image: ImageIdentifier, in repository: String) async throws(AWSError) -> ImageDeletion {
        try await client.deleteImage(image, in: repository, registryID: registryID)
    }
}
