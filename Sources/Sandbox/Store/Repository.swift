/// A repository in memory and on disk, with one small file for each layer, manifest and tag, so that a push writes only what it adds.
final class Repository {
    private(set) var attributes: RepositoryAttributes
    private(set) var tags: [String: ContentDigest] = [:]
    private(set) var manifests: [ContentDigest: StoredManifest] = [:]
    private(set) var layers: Set<ContentDigest> = []
    /// How many manifests refer to each layer.
    private var references: [ContentDigest: Int] = [:]
    private let directory: String

    var name: String { attributes.name }

    init(new attributes: RepositoryAttributes, directory: String) throws {
        (self.attributes, self.directory) = (attributes, directory)
        for folder in ["layers", "manifests", "tags"] { try Files.makeDirectory("\(directory)/\(folder)") }
        try saveAttributes()
    }

    /// Reads what an earlier run wrote; nil when that is incomplete.
    init?(reading directory: String) throws {
        guard let bytes = try Files.read("\(directory)/repository.json", upTo: 1 << 20) else { return nil }
        self.directory = directory
        attributes = try JSON.decode(RepositoryAttributes.self, from: bytes)
        layers = Set(Files.list("\(directory)/layers").compactMap { ContentDigest("sha256:\($0)") })
        for name in Files.list("\(directory)/manifests") {
            guard let digest = ContentDigest("sha256:\(name)"),
                let bytes = try Files.read("\(directory)/manifests/\(name)", upTo: 8 << 20)
            else { continue }
            let manifest = try JSON.decode(StoredManifest.self, from: bytes)
            manifests[digest] = manifest
            for layer in manifest.layers { references[layer, default: 0] += 1 }
        }
        for tag in Files.list("\(directory)/tags") where !tag.hasSuffix("~") {
            let bytes = try Files.read("\(directory)/tags/\(tag)", upTo: 100) ?? []
            if let digest = ContentDigest(String(decoding: bytes, as: UTF8.self)), manifests[digest] != nil { tags[tag] = digest }
        }
    }

    private func saveAttributes() throws { try Files.write(JSON.bytes(of: attributes), to: "\(directory)/repository.json") }

    func update(_ change: (inout RepositoryAttributes) -> Void) throws {
        change(&attributes)
        try saveAttributes()
    }

    /// ECR's quota of images is ten times this; it has none for layers.
    private static let maxImages = 10_000, maxLayers = 100_000
    var isFull: Bool { max(manifests.count, tags.count) >= Self.maxImages || layers.count >= Self.maxLayers }

    func has(layer: ContentDigest) -> Bool { layers.contains(layer) }
    /// Whether a manifest of this repository refers to the layer.
    func refers(to layer: ContentDigest) -> Bool { references[layer, default: 0] > 0 }

    func add(layer: ContentDigest) throws {
        guard layers.insert(layer).inserted else { return }
        try Files.write([], to: "\(directory)/layers/\(layer.hex)")
    }

    func add(_ manifest: StoredManifest, as digest: ContentDigest) throws {
        guard manifests.updateValue(manifest, forKey: digest) == nil else { return }
        for layer in manifest.layers { references[layer, default: 0] += 1 }
        try Files.write(JSON.bytes(of: manifest), to: "\(directory)/manifests/\(digest.hex)")
    }

    /// - Parameter tag: follows the distribution spec's grammar, so it is a valid file name.
    func set(tag: String, to digest: ContentDigest) throws {
        tags[tag] = digest
        try Files.write(Array(digest.description.utf8), to: "\(directory)/tags/\(tag)")
    }

    /// Removes the image with its last tag (ECR 1.3).
    func remove(tag: String) {
        guard let digest = tags.removeValue(forKey: tag) else { return }
        Files.removeAll("\(directory)/tags/\(tag)")
        if !tags.values.contains(digest) { remove(manifest: digest) }
    }

    /// Removes the manifest with all its tags.
    func remove(manifest digest: ContentDigest) {
        for (tag, target) in tags where target == digest {
            tags[tag] = nil
            Files.removeAll("\(directory)/tags/\(tag)")
        }
        guard let manifest = manifests.removeValue(forKey: digest) else { return }
        for layer in manifest.layers { references[layer, default: 1] -= 1 }
        Files.removeAll("\(directory)/manifests/\(digest.hex)")
    }
}
