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
    package init(path: [UInt8]) throws(RegistryError) {
        guard path.starts(with: "/v2".utf8) else { throw .notAnEndpoint }
        let rest = path.dropFirst(3)
        guard rest.first == UInt8(ascii: "/") || rest.isEmpty else { throw .notAnEndpoint }
        let segments = rest.dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        if rest.count <= 1 {
            self = .ping
        } else if segments == [Array("_catalog".utf8)[...]] {
            self = .catalog
        } else {
            self = try Self.inRepository(segments)
        }
    }

    /// Repository names may have components such as `blobs` and `manifests`, so the path is read from its end.
    private static func inRepository(_ segments: [ArraySlice<UInt8>]) throws(RegistryError) -> Endpoint {
        func word(_ back: Int, _ text: StaticString) -> Bool {
            segments.count > back
                && segments[segments.count - 1 - back].elementsEqual(
                    UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
        }
        func name(_ last: Int) throws(RegistryError) -> Repository {
            let joined = Array(segments.dropLast(last).joined(separator: [UInt8(ascii: "/")]))
            guard let repository = Repository(joined) else { throw .badName }
            return repository
        }
        guard let last = segments.last, segments.count >= 3 else { throw .notAnEndpoint }
        if word(0, "list"), word(1, "tags") { return .tags(try name(2)) }
        if word(1, "manifests") {
            guard let reference = Reference(last) else { throw .badReference }
            return .manifest(try name(2), reference)
        }
        if last.isEmpty ? word(1, "uploads") && word(2, "blobs") : word(0, "uploads") && word(1, "blobs") {
            return .uploads(try name(last.isEmpty ? 3 : 2))
        }
        if word(1, "uploads"), word(2, "blobs") {
            guard last.count <= maxSessionBytes, last.allSatisfy(isSessionCharacter) else { throw .badSession }
            return .upload(try name(3), session: Array(last))
        }
        if word(1, "blobs") || word(1, "referrers") {
            guard let digest = Digest(last) else { throw .badDigest }
            return word(1, "blobs") ? .blob(try name(2), digest) : .referrers(try name(2), digest)
        }
        throw .notAnEndpoint
    }

    /// RFC 3986's unreserved characters and the padding of base64, which no parser takes for a delimiter.
    private static func isSessionCharacter(_ byte: UInt8) -> Bool {
        (byte | 0x20) &- 97 < 26 || byte &- 48 < 10 || "-._~=".utf8.contains(byte)
    }
}
