import HTTP

/// Serves blobs (ECR 1.4).
struct RegistryBlobs {
    private let account: Account
    private let format: RegistryFormat
    private var quirks: Quirks { account.quirks }

    init(account: Account) { (self.account, format) = (account, RegistryFormat(account: account)) }

    /// ECR's type for every blob.
    private static let blobType = "application/vnd.docker.container.image.v1+json"

    func head(in repository: Repository, _ digest: String, _ exchange: Exchange) async throws {
        let digest = try format.digest(digest, parameter: "layerDigests")
        guard repository.has(layer: digest), let size = account.blobs.size(of: digest) else {
            throw unknown(digest, in: repository)
        }
        // The server sends no body for HEAD.
        try await exchange.begin(
            200, fields: format.common(exchange) + [("Content-Type", Self.blobType), ("Docker-Content-Digest", "\(digest)")],
            length: size)
        try await exchange.end()
    }

    func get(in repository: Repository, _ digest: String, _ exchange: Exchange) async throws {
        let digest = try format.digest(digest, parameter: "layerDigest")
        guard repository.has(layer: digest), let size = account.blobs.size(of: digest) else {
            throw unknown(digest, in: repository)
        }
        guard !quirks[.unreferencedBlobHidden] || repository.refers(to: digest) else {
            throw RegistryErrorResponse(
                status: 404, code: "BLOB_UNKNOWN",
                message:
                    "The layer with digest '\(digest)' is not referenced by an image in the repository with name '\(repository.name)'"
            )
        }
        if quirks[.blobRedirect] {
            let path = LayerBucket.path(of: digest, account: account)
            let url = account.urls.url(host: account.bucketHost, path: path, now: account.clock.seconds)
            return try await exchange.respond(
                307, fields: format.common(exchange) + [("Location", url), ("Content-Type", "text/plain; charset=utf-8")])
        }
        let fields = [
            ("Content-Type", "application/octet-stream"), ("Docker-Content-Digest", "\(digest)"), ("Accept-Ranges", "bytes"),
        ]
        guard
            try await FileResponse(file: account.blobs.open(digest), size: size)
                .send(fields: format.common(exchange) + fields, to: exchange)
        else {
            throw RegistryErrorResponse(status: 416, code: "UNSUPPORTED", message: "The requested range is not satisfiable")
        }
    }

    private func unknown(_ digest: ContentDigest, in repository: Repository) -> RegistryErrorResponse {
        RegistryErrorResponse(
            status: 404, code: "BLOB_UNKNOWN",
            message: "The layer with digest '\(digest)' does not exist in the repository with name '\(repository.name)'")
    }
}
