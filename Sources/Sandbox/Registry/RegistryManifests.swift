import HTTP

/// Manifests (ECR 1.3). Not played: the conversion of a tag's manifest to an older type.
extension RegistryService {
    static let manifestBytes = 4_194_304
    private static let putsASecond = 10

    func getManifest(in repository: Repository, _ reference: String, _ exchange: Exchange) async throws {
        guard let digest = try resolve(reference, in: repository), let manifest = repository.manifests[digest],
            let content = try Files.read(account.blobs.path(of: digest), upTo: Self.manifestBytes)
        else { throw RegistryRefusal.unknownManifest }
        var fields = common(exchange) + [("Content-Type", manifest.mediaType)]
        if exchange.method == .head || quirks[.manifestDigestOnGet] { fields.append(("Docker-Content-Digest", "\(digest)")) }
        if exchange.method == .head, quirks[.emptySizes] { fields.append(("Sizes", "")) }
        try await exchange.respond(200, fields: fields, body: content)
    }

    func deleteManifest(in repository: Repository, _ reference: String, _ exchange: Exchange) async throws {
        guard quirks[.deleteManifest] else { throw RouteUnknown() }
        guard let digest = try resolve(reference, in: repository), repository.manifests[digest] != nil else {
            throw RegistryRefusal.unknownManifest
        }
        if ContentDigest(reference) == nil { repository.remove(tag: reference) } else { repository.remove(manifest: digest) }
        try await exchange.respond(202, fields: common(exchange))
    }

    func putManifest(in repository: Repository, _ reference: String, _ exchange: Exchange) async throws {
        try checkRate()
        let isDigest = reference.contains(":")
        if isDigest { _ = try digest(reference, parameter: "imageDigest") } else if !Self.isTag(reference) { throw invalidTag(405) }
        guard let content = try await exchange.collect(upTo: Self.manifestBytes) else {
            throw invalid("Member must have length less than or equal to \(Self.manifestBytes)")
        }
        guard let pushed = try? JSON.decode(PushedManifest.self, from: content) else { throw invalid("Invalid JSON syntax") }
        let digest = ContentDigest.of(content)
        if isDigest, reference != "\(digest)" {
            throw RegistryRefusal(
                status: 400, code: "DIGEST_INVALID",
                message: "The calculated image digest '\(digest)' does not match the provided image digest '\(reference)'")
        }
        let manifest = try read(pushed, size: content.count, type: exchange.field("Content-Type"))
        try checkReferences(of: manifest, pushed, in: repository)
        if !isDigest, let old = repository.tags[reference], old != digest, repository.attributes.isImmutable {
            throw RegistryRefusal(
                status: 400, code: "TAG_INVALID",
                message:
                    "The image tag '\(reference)' already exists in the '\(repository.name)' repository and cannot be overwritten because the tag is immutable."
            )
        }
        try account.blobs.write(content, as: digest)
        try repository.add(manifest, as: digest)
        if !isDigest { try repository.set(tag: reference, to: digest) }
        var fields = common(exchange) + [("Docker-Content-Digest", "\(digest)")]
        if quirks[.manifestLocation] {
            fields.append(
                ("Location", url("/v2/\(repository.name)/manifests/\(digest)", exchange, absolute: quirks[.absoluteLocation])))
        }
        if let subject = manifest.subject { fields.append(("OCI-Subject", "\(subject)")) }
        try await exchange.respond(201, fields: fields)
    }

    // MARK: What is checked

    /// `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}` (distribution spec, "Pulling manifests").
    static func isTag(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        func isWord(_ byte: UInt8) -> Bool { (byte | 0x20) &- 97 < 26 || byte &- 48 < 10 || byte == UInt8(ascii: "_") }
        guard let first = bytes.first, isWord(first), bytes.count <= 128 else { return false }
        return bytes.allSatisfy { isWord($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-") }
    }

    private func invalidTag(_ status: Int) -> RegistryRefusal {
        var refusal = RegistryRefusal.invalidParameter(
            "imageTag", "must satisfy regular expression '[a-zA-Z0-9_][a-zA-Z0-9-_.]{0,127}'", account: account)
        if status == 400 { refusal.status = 400 }
        return refusal
    }

    private func invalid(_ constraint: String) -> RegistryRefusal {
        .invalidParameter("ImageManifest", constraint, account: account)
    }

    private func resolve(_ reference: String, in repository: Repository) throws -> ContentDigest? {
        if reference.contains(":") { return try digest(reference, parameter: "imageDigest") }
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
        let digests = try named.map { try digest($0.digest, parameter: "ImageManifest") }
        return StoredManifest(
            mediaType: mediaType, size: size, artifactType: pushed.artifactType ?? (isIndex ? nil : pushed.config?.mediaType),
            annotations: pushed.annotations, subject: try pushed.subject.map { try digest($0.digest, parameter: "ImageManifest") },
            layers: isIndex ? [] : digests, images: isIndex ? digests : [])
    }

    private func checkReferences(of manifest: StoredManifest, _ pushed: PushedManifest, in repository: Repository) throws {
        guard quirks[.referencesChecked] else { return }
        func check(_ kind: String, _ missing: [ContentDigest]) throws {
            guard !missing.isEmpty else { return }
            let list = missing.map(\.description).joined(separator: ", ")
            throw RegistryRefusal(
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
        guard recentPuts.count < Self.putsASecond else { throw RegistryRefusal.throttled }
        recentPuts.append(now)
    }
}
