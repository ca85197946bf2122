/// An image in requests and responses of the API.
struct ImageIdentifier: Codable { var imageDigest: String?, imageTag: String? }
