/// The metadata of a pushed manifest.
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
