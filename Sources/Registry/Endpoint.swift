/// A place of the registry API (distribution spec, "Endpoints"). A path that is none of these is never forwarded.
package enum Endpoint: Sendable, Hashable {
    case ping
    case catalog
    case tags(Repository)
    case manifest(Repository, Reference)
    case blob(Repository, Digest)
    case uploads(Repository)
    /// An upload session; its name is the upstream's and means nothing here.
    case upload(Repository, session: [UInt8])
    case referrers(Repository, Digest)

    package var repository: Repository? {
        switch self {
        case .ping, .catalog: nil
        case .tags(let repository), .manifest(let repository, _), .blob(let repository, _), .uploads(let repository),
            .upload(let repository, _), .referrers(let repository, _):
            repository
        }
    }

    /// A session's name: bounded, and of characters that no reader takes for anything else.
    static let maxSessionBytes = 512

    /// - Parameter path: decoded.
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

    /// Names may hold `blobs`, `manifests` and the like as components of their own, so the end of the path decides.
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

    /// RFC 3986's unreserved characters and the padding of base64.
    private static func isSessionCharacter(_ byte: UInt8) -> Bool {
        (byte | 0x20) &- 97 < 26 || byte &- 48 < 10 || "-._~=".utf8.contains(byte)
    }
}
