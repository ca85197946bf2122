/// What the registry reads in a manifest or index, of Docker's or OCI's making. All else in it is nobody's business here.
struct PushedManifest: Decodable {
    struct Descriptor: Decodable {
        var mediaType: String?
        var digest: String
        /// Foreign layers lie elsewhere.
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
