import HTTP

/// Serves, takes and deletes manifests (ECR 1.3). Not emulated: the conversion of a tag's manifest to an older type.
final class RegistryManifests {
    private let account: Account
    private let format: RegistryFormat
    private var quirks: Quirks { account.quirks }

    /// Times of the last PUTs, for `put_image_rate`.
    private var recentPuts: [Double] = []

    init(account: Account) { (self.account, format) = (account, RegistryFormat(account: account)) }

    private static let maxManifestBytes = 4_194_304
    private static let maxPutsPerSecond = 10

    func get(in repository: Repository, _ reference: String, _ exchange: Exchange) async throws {
        guard let digest = try resolve(reference, in: repository), let manifest = repository.manifests[digest],
            let content = try Files.read(account.blobs.path(of: digest), upTo: Self.maxManifestBytes)
        else { throw RegistryErrorResponse.unknownManifest }
        var fields = format.common(exchange) + [("Content-Type", manifest.mediaType)]
        if exchange.method == .head || quirks[.manifestDigestOnGet] { fields.append(("Docker-Content-Digest", "\(digest)")) }
        if exchange.method == .head, quirks[.emptySizes] { fields.append(("Sizes", "")) }
        try await exchange.respond(200, fields: fields, body: content)
    }

    func delete(in repository: Repository, _ reference: String, _ exchange: Exchange) async throws {
        guard quirks[.deleteManifest] else { throw UnknownRoute() }
        guard let digest = try resolve(reference, in: repository), repository.manifests[digest] != nil else {
            throw RegistryErrorResponse.unknownManifest
        }
        if ContentDigest(reference) == nil { repository.remove(tag: reference) } else { repository.remove(manifest: digest) }
        try await exchange.respond(202, fields: format.common(exchange))
    }

    func put(in repository: Repository, _ reference: String, _ exchange: Exchange) async throws {
        try checkRate()
        let isDigest = reference.contains(":")
        if isDigest {
            _ = try format.digest(reference, parameter: "imageDigest")
        } else if !Self.isTag(reference) {
            throw invalidTag(405)
        }
        guard let content = try await exchange.collect(upTo: Self.maxManifestBytes) else {
            throw invalid("Member must have length less than or equal to \(Self.maxManifestBytes)")
        }
        guard let pushed = try? JSON.decode(PushedManifest.self, from: content) else { throw invalid("Invalid JSON syntax") }
        let digest = ContentDigest.of(content)
        if isDigest, reference != "\(digest)" {
            throw RegistryErrorResponse(
                status: 400, code: "DIGEST_INVALID",
                message: "The calculated image digest '\(digest)' does not match the provided image digest '\(reference)'")
        }
        let manifest = try read(pushed, size: content.count, type: exchange.field("Content-Type"))
        try checkReferences(of: manifest, pushed, in: repository)
        if !isDigest, let old = repository.tags[reference], old != digest, repository.attributes.isImmutable {
            throw RegistryErrorResponse(
                status: 400, code: "TAG_INVALID",
                message:
                    "The image tag '\(reference)' already exists in the '\(repository.name)' repository and cannot be overwritten because the tag is immutable."
            )
        }
        try account.blobs.write(content, as: digest)
        try repository.add(manifest, as: digest)
        if !isDigest { try repository.set(tag: reference, to: digest) }
        var fields = format.common(exchange) + [("Docker-Content-Digest", "\(digest)")]
        if quirks[.manifestLocation] {
            fields.append(
                (
                    "Location",
                    format.url("/v2/\(repository.name)/manifests/\(digest)", exchange, absolute: quirks[.absoluteLocation])
                ))
        }
        if let subject = manifest.subject { fields.append(("OCI-Subject", "\(subject)")) }
        try await exchange.respond(201, fields: fields)
    }

    // MARK: Checks

    /// `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}` (distribution spec, "Pulling manifests").
    private static func isTag(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        func isWord(_ byte: UInt8) -> Bool { (byte | 0x20) &- 97 < 26 || byte &- 48 < 10 || byte == UInt8(ascii: "_") }
        guard let first = bytes.first, isWord(first), bytes.count <= 128 else { return false }
        return bytes.allSatisfy { isWord($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-") }
    }

    private func invalidTag(_ status: Int) -> RegistryErrorResponse {
        var errorResponse = RegistryErrorResponse.invalidParameter(
            "imageTag", "must satisfy regular expression '[a-zA-Z0-9_][a-zA-Z0-9-_.]{0,127}'", account: account)
        if status == 400 { errorResponse.status = 400 }
        return errorResponse
    }

    private func invalid(_ constraint: String) -> RegistryErrorResponse {
        .invalidParameter("ImageManifest", constraint, account: account)
    }

    private func resolve(_ reference: String, in repository: Repository) throws -> ContentDigest? {
        if reference.contains(":") { return try format.digest(reference, parameter: "imageDigest") }
        guard Self.isTag(reference) else { throw invalidTag(400) }
        return repository.tags[reference]
    }

    private func read(_ pushed: PushedManifest, size: Int, type: String?) throws -> StoredManifest {
        if pushed.mediaType == nil, quirks[.mediaTypeRequired] { throw invalid("Image manifest media type is missing") }
        guard let mediaType = pushed.mediaType ?? type,
            PushedManifest.indexTypes.union(PushedManifest.manifestTypes).contains(mediaType)
        else {
            throw invalid("Unsupported image manifest media type")
        }
        guard pushed.schemaVersion == 2 else { throw invalid("Unsupported schema version") }
        let isIndex = PushedManifest.indexTypes.contains(mediaType)
        guard isIndex ? pushed.manifests != nil : pushed.config != nil && pushed.layers != nil else {
            throw invalid("Invalid image manifest")
        }
        let named =
            isIndex
            ? pushed.manifests ?? [] : [pushed.config].compactMap { $0 } + (pushed.layers ?? []).filter { $0.urls?.isEmpty ?? true }
        let digests = try named.map { try format.digest($0.digest, parameter: "ImageManifest") }
        return StoredManifest(
            mediaType: mediaType, size: size, artifactType: pushed.artifactType ?? (isIndex ? nil : pushed.config?.mediaType),
            annotations: pushed.annotations,
            subject: try pushed.subject.map { try format.digest($0.digest, parameter: "ImageManifest") },
            layers: isIndex ? [] : digests, images: isIndex ? digests : [])
    }

    private func checkReferences(of manifest: StoredManifest, _ pushed: PushedManifest, in repository: Repository) throws {
        guard quirks[.referencesChecked] else { return }
        func check(_ kind: String, _ missing: [ContentDigest]) throws {
            guard !missing.isEmpty else { return }
            let list = missing.map(\.description).joined(separator: ", ")
            throw RegistryErrorResponse(
                status: 400, code: "MANIFEST_BLOB_UNKNOWN",
                message:
                    "\(kind) with digests '[\(list)]' required for pushing image into repository with name '\(repository.name)' in the "
                    + "registry with id '\(account.id)' do not exist")
        }
        try check("Layers", manifest.layers.filter { !repository.has(layer: $0) })
        try check("Images", manifest.images.filter { repository.manifests[$0] == nil })
    }

    private func checkRate() throws {
        guard quirks[.putImageRate] else { return }
        let now = account.clock.now
        recentPuts.removeAll { $0 <= now - 1 }
        guard recentPuts.count < Self.maxPutsPerSecond else { throw RegistryErrorResponse.throttled }
        recentPuts.append(now)
    }
}
