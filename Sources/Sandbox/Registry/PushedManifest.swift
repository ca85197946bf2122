/// The members that the registry reads in a manifest or index of Docker or OCI.
struct PushedManifest: Decodable {
    struct Descriptor: Decodable {
        var mediaType: String?
        var digest: String
        /// Set for foreign layers, which no registry holds.
        var urls: [String]?
    }
    var schemaVersion: Int?
    var mediaType: String?
    var artifactType: String?
    var config: Descriptor?
    var layers: [Descriptor]?
    var manifests: [Descriptor]?
    var subject: Descriptor?
    var annotations: [String: String]?

    static let indexTypes: Set = [
        "application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json",
    ]
    static let manifestTypes: Set = [
        "application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json",
    ]
}
