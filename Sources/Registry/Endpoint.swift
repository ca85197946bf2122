/// An endpoint of the registry API (distribution spec, "Endpoints"). Paths that are none of these are never forwarded.
package enum Endpoint: Sendable, Hashable {
    /// `/v2/`
    case ping
    /// `/v2/_catalog`
    case catalog
    /// `/v2/<name>/tags/list`
    case tags(Repository)
    /// `/v2/<name>/manifests/<reference>`
    case manifest(Repository, Reference)
    /// `/v2/<name>/blobs/<digest>`
    case blob(Repository, Digest)
    /// `/v2/<name>/blobs/uploads/`, where uploads begin.
    case uploads(Repository)
    /// `/v2/<name>/blobs/uploads/<session>`, an upload session. The upstream chooses its name, which has no meaning here.
    case upload(Repository, session: [UInt8])
    /// `/v2/<name>/referrers/<digest>`
    case referrers(Repository, Digest)

    /// nil for endpoints outside of repositories.
    package var repository: Repository? {
        switch self {
        case .ping, .catalog: nil
        case .tags(let repository), .manifest(let repository, _), .blob(let repository, _), .uploads(let repository),
            .upload(let repository, _), .referrers(let repository, _):
            repository
        }
    }

    /// The longest name of an upload session. ECR's have 36 bytes.
    static let maxSessionBytes = 512

    /// - Parameter path: decoded.
    /// - Throws: the error response for a path that is not an endpoint, or whose name, reference, digest or session is invalid.
    package init(path: [UInt8]) throws(RegistryError) { try self.init(path: path[...]) }

    /// - Parameter path: decoded.
    /// - Throws: the error response for a path that is not an endpoint, or whose name, reference, digest or session is invalid.
    package init(path: ArraySlice<UInt8>) throws(RegistryError) {
        self = try path.withUnsafeBufferPointer { path throws(RegistryError) in try Self.parse(RawText(path)) }
    }

    private static func parse(_ path: RawText) throws(RegistryError) -> Endpoint {
        guard path.starts(with: "/v2"), path.count == 3 || path[3] == UInt8(ascii: "/") else { throw .notAnEndpoint }
        guard path.count > 4 else { return .ping }
        let rest = path.dropFirst(4)
        return rest.equals("_catalog") ? .catalog : try inRepository(rest)
    }

    /// Repository names may have components such as `blobs` and `manifests`, so the path is read from its end.
    /// - Parameter path: what follows `/v2/`.
    private static func inRepository(_ path: RawText) throws(RegistryError) -> Endpoint {
        let slash = UInt8(ascii: "/")
        // The last two segments, and what is before them.
        guard let lastSlash = path.lastPosition(of: slash), let middleSlash = path.prefix(lastSlash).lastPosition(of: slash) else {
            throw .notAnEndpoint
        }
        let last = path.dropFirst(lastSlash + 1), middle = path[(middleSlash + 1)..<lastSlash], before = path.prefix(middleSlash)
        if middle.equals("manifests") {
            guard let reference = Reference(last) else { throw .badReference }
            return .manifest(try name(before), reference)
        }
        if middle.equals("tags"), last.equals("list") { return .tags(try name(before)) }
        if middle.equals("blobs"), last.equals("uploads") { return .uploads(try name(before)) }
        if middle.equals("uploads") { return try inUploads(before, last) }
        let isBlob = middle.equals("blobs")
        guard isBlob || middle.equals("referrers") else { throw .notAnEndpoint }
        guard let digest = Digest(last) else { throw .badDigest }
        let repository = try name(before)
        return isBlob ? .blob(repository, digest) : .referrers(repository, digest)
    }

    /// - Parameters:
    ///   - path: what is before `/uploads/`.
    ///   - session: what follows it.
    private static func inUploads(_ path: RawText, _ session: RawText) throws(RegistryError) -> Endpoint {
        let lastSlash = path.lastPosition(of: UInt8(ascii: "/"))
        guard path.dropFirst(lastSlash.map { $0 + 1 } ?? 0).equals("blobs") else { throw .notAnEndpoint }
        guard session.count <= maxSessionBytes else { throw .badSession }
        for at in 0..<session.count where !isSessionCharacter(session[at]) { throw .badSession }
        let repository = try name(path.prefix(lastSlash ?? 0))
        return session.isEmpty ? .uploads(repository) : .upload(repository, session: session.copied)
    }

    private static func name(_ text: RawText) throws(RegistryError) -> Repository {
        guard let repository = Repository(text) else { throw .badName }
        return repository
    }

    /// RFC 3986's unreserved characters and the padding of base64, which no parser takes for a delimiter.
    private static func isSessionCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case 97...122, 65...90, 48...57, UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"),
            UInt8(ascii: "="):
            true
        default: false
        }
    }
}
