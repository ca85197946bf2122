import HTTP

/// Takes uploads of blobs (ECR 1.5).
struct RegistryUploads {
    private let account: Account
    private let format: RegistryFormat
    private var quirks: Quirks { account.quirks }

    init(account: Account) { (self.account, format) = (account, RegistryFormat(account: account)) }

    /// The value of `OCI-Chunk-Min-Length`, and the largest chunk with a `Content-Range` that is accepted.
    private static let maxRangedChunkBytes = 10 << 20
    /// The minimum size of every part but the last.
    private static let minPartBytes = 5 << 20

    func begin(in repository: Repository, _ exchange: Exchange) async throws {
        if quirks[.blobMounting], let mount = exchange.query["mount"].flatMap(ContentDigest.init),
            let from = exchange.query["from"],
            let source = account.repositories[from], source.has(layer: mount), source.refers(to: mount)
        {
            try repository.add(layer: mount)
            return try await exchange.respond(201, fields: blobFields(mount, in: repository, exchange))
        }
        let upload = account.uploads.begin(in: repository.name)
        var fields = sessionFields(upload, exchange) + [("Range", "0-0")]
        if quirks[.chunkMinimumLength] { fields.append(("OCI-Chunk-Min-Length", String(Self.maxRangedChunkBytes))) }
        try await exchange.respond(202, fields: fields)
    }

    func append(to id: String, in repository: Repository, _ exchange: Exchange) async throws {
        let upload = try session(id, in: repository)
        try checkRange(of: upload, exchange)
        try await receive(upload, exchange)
        let end = quirks[.staleRange] ? upload.firstRangeEnd ?? 0 : max(upload.size - 1, 0)
        try await exchange.respond(
            quirks[.patchCreated] ? 201 : 202, fields: sessionFields(upload, exchange) + [("Range", "0-\(end)")])
    }

    func complete(_ id: String, in repository: Repository, _ exchange: Exchange) async throws {
        let upload = try session(id, in: repository)
        let claimed = try format.digest(exchange.query["digest"] ?? "", parameter: "layerDigests")
        try checkRange(of: upload, exchange)
        try await receive(upload, exchange)
        guard !upload.parts.isEmpty || !quirks[.emptyUploadRejected] else {
            throw RegistryErrorResponse.invalidUpload(
                "The upload with id '\(id)' in the repository with name '\(repository.name)' in registry with id '\(account.id)' cannot be "
                    + "completed because it does not have any parts")
        }
        guard !quirks[.partMinimum] || upload.parts.dropLast().allSatisfy({ $0 >= Self.minPartBytes }) else {
            throw RegistryErrorResponse.invalidUpload("All layer parts except the last part should be at least 5MB")
        }
        guard upload.digest == claimed else {
            throw RegistryErrorResponse.invalidUpload("None of the provided layer digests match the calculated layer digest")
        }
        if upload.parts.isEmpty {
            try account.blobs.write([], as: claimed)
        } else {
            try upload.move(to: account.blobs.path(of: claimed))
        }
        account.uploads.end(upload)
        try repository.add(layer: claimed)
        try await exchange.respond(201, fields: blobFields(claimed, in: repository, exchange))
    }

    private func session(_ id: String, in repository: Repository) throws -> Upload {
        guard let upload = account.uploads[id, in: repository.name] else {
            throw RegistryErrorResponse.unknownUpload(id, in: repository.name, account: account)
        }
        // Two concurrent bodies would be mixed.
        guard !upload.isReceiving else {
            throw RegistryErrorResponse.invalidUpload("The upload with id '\(id)' is receiving another part")
        }
        return upload
    }

    /// When the connection breaks, the session ends: the part that was received cannot be told from a whole one.
    private func receive(_ upload: Upload, _ exchange: Exchange) async throws {
        do { try await upload.append(from: exchange) } catch {
            account.uploads.end(upload)
            throw error
        }
    }

    /// `Content-Range: 0-1023`, without a unit (distribution spec, "Pushing a blob in chunks").
    private func checkRange(of upload: Upload, _ exchange: Exchange) throws {
        guard let range = exchange.field("Content-Range") else { return }
        let bounds = range.split(separator: "-").map { Int($0) }
        guard bounds.count == 2, let first = bounds[0], let last = bounds[1], first <= last else {
            throw RegistryErrorResponse.invalidUpload("Content-Range '\(range)' is not of the form first-last")
        }
        if quirks[.largeChunkReset], last - first + 1 > Self.maxRangedChunkBytes { try exchange.drop() }
        guard first == upload.size || !quirks[.outOfOrderRejected] else {
            throw RegistryErrorResponse.invalidUpload(
                "First byte of the layer part is \(first) instead of \(upload.size)", status: 416)
        }
    }

    private func sessionFields(_ upload: Upload, _ exchange: Exchange) -> [(String, String)] {
        let path = "/v2/\(upload.repository)/blobs/uploads/\(upload.id)"
        return format.common(exchange) + [("Location", format.url(path, exchange, absolute: quirks[.absoluteLocation]))]
            + (quirks[.uploadUUID] ? [("Docker-Upload-UUID", upload.id)] : [])
    }

    private func blobFields(_ digest: ContentDigest, in repository: Repository, _ exchange: Exchange) -> [(String, String)] {
        let path = "/v2/\(repository.name)/blobs/\(digest)"
        return format.common(exchange) + [
            ("Location", format.url(path, exchange, absolute: quirks[.absoluteLocation])), ("Docker-Content-Digest", "\(digest)"),
        ]
    }
}
