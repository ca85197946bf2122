import FoundationEssentials
import Registry

/// What an image manifest or an index refers to, of which a pull consists.
struct ManifestReferences: Decodable {
    private let config: Descriptor?
    private let layers: [Descriptor]?
    private let manifests: [Descriptor]?

    private struct Descriptor: Decodable { let digest: String }

    /// nil: it is none.
    init?(_ bytes: [UInt8]) {
        guard let references = try? JSONDecoder().decode(Self.self, from: Data(bytes)) else { return nil }
        self = references
    }

    /// In the order of the manifest; what is no digest is left out.
    var all: [(digest: Digest, isManifest: Bool)] {
        let blobs = (config.map { [$0] } ?? []) + (layers ?? [])
        return blobs.compactMap { Digest($0.digest).map { ($0, false) } }
            + (manifests ?? []).compactMap { Digest($0.digest).map { ($0, true) } }
    }
}
