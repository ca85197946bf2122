/// What is known of a pushed manifest, besides its bytes.
struct StoredManifest: Codable {
    var mediaType: String
    var size: Int
    var artifactType: String?
    var annotations: [String: String]?
    var subject: ContentDigest?
    /// Config and layers, and the children of an index.
    var layers: [ContentDigest] = []
    var images: [ContentDigest] = []
}

/// What is said of a repository when it is made, and later by its policies.
struct RepositoryAttributes: Codable {
    var name: String
    /// Seconds since 1970.
    var createdAt: Double
    var isImmutable = false
    var scanOnPush = false
    var policy: String?
    var lifecyclePolicy: String?
    /// nil: AES256.
    var kmsKey: String?
    var tags: [RepositoryTag]?
}

/// As the API spells it.
struct RepositoryTag: Codable {
    var key: String, value: String
    enum CodingKeys: String, CodingKey { case key = "Key", value = "Value" }
}

/// A repository in memory, and its mirror in files: one small file for each thing, so that a push costs what it adds.
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

    /// What an earlier run left; nil when that is nothing whole.
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

    /// ECR's quota of images is ten times this; layers have none there.
    private static let maxImages = 10_000, maxLayers = 100_000
    var isFull: Bool { max(manifests.count, tags.count) >= Self.maxImages || layers.count >= Self.maxLayers }

    func has(layer: ContentDigest) -> Bool { layers.contains(layer) }
    /// Whether some manifest here refers to it.
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

    /// - Parameter tag: of the distribution spec's grammar, so it is a plain file name too.
    func set(tag: String, to digest: ContentDigest) throws {
        tags[tag] = digest
        try Files.write(Array(digest.description.utf8), to: "\(directory)/tags/\(tag)")
    }

    /// The image goes with its last tag (ECR 1.3).
    func remove(tag: String) {
        guard let digest = tags.removeValue(forKey: tag) else { return }
        Files.removeAll("\(directory)/tags/\(tag)")
        if !tags.values.contains(digest) { remove(manifest: digest) }
    }

    /// With all its tags.
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

/// All repositories of the account. Confined to the sandbox's loop.
final class Repositories {
    private let directory: String
    private var byName: [String: Repository] = [:]
    /// Far below ECR's 100,000: this is one process.
    private static let most = 10_000

    init(directory: String) throws {
        self.directory = directory
        try Files.makeDirectory(directory)
        for folder in Files.list(directory) {
            if let repository = try Repository(reading: "\(directory)/\(folder)") { byName[repository.name] = repository }
        }
    }

    subscript(_ name: String) -> Repository? { byName[name] }
    var all: [Repository] { byName.values.sorted { $0.name < $1.name } }
    var isFull: Bool { byName.count >= Self.most }

    /// The name must have been checked and be free.
    func create(_ attributes: RepositoryAttributes) throws -> Repository {
        // The name's hash: a name may be longer than a file's may, and one may lie within another.
        let repository = try Repository(
            new: attributes, directory: "\(directory)/\(ContentDigest.of(Array(attributes.name.utf8)).hex)")
        byName[attributes.name] = repository
        return repository
    }

    /// 2–256 characters of `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`, in one or more parts between slashes (ECR 3).
    static func isName(_ text: String) -> Bool {
        (2...256).contains(text.utf8.count) && text.split(separator: "/", omittingEmptySubsequences: false).allSatisfy(isPart)
    }

    private static func isPart(_ part: Substring) -> Bool {
        func isAlphanumeric(_ byte: UInt8) -> Bool { byte &- 97 < 26 || byte &- 48 < 10 }
        let bytes = Array(part.utf8)
        guard let first = bytes.first, let last = bytes.last, isAlphanumeric(first), isAlphanumeric(last) else { return false }
        return bytes.split(whereSeparator: isAlphanumeric).allSatisfy { separator in
            separator.elementsEqual(".".utf8) || separator.elementsEqual("_".utf8) || separator.elementsEqual("__".utf8)
                || separator.allSatisfy { $0 == UInt8(ascii: "-") }
        }
    }
}
