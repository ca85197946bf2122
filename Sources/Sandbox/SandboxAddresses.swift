/// Where a sandbox listens: the content of `sandbox.json`. `registry`, `api` and `s3` use TLS with a certificate of the CA in `caFile`;
/// `metadata` and `control` are plain HTTP.
package struct SandboxAddresses: Sendable, Codable {
    /// The host names that requests must carry, and the `address:port` where these services listen.
    package var registryHost, registry, api, s3Host, s3: String
    /// URLs.
    package var metadata, control: String
    /// The URL of container credentials, plain HTTP, and the required value of `Authorization` there.
    package var container, containerToken: String
    /// The path of the CA's certificate, PEM.
    package var caFile: String
    /// The emulated account, and the keys of its user.
    package var region, account, accessKeyID, secretAccessKey: String
    /// `name:port` → `address:port`, for the gateway's `connect_to` and for `curl --connect-to`.
    package var connectTo: [String: String]

    enum CodingKeys: String, CodingKey {
        case registryHost = "registry_host"
        case registry, api
        case s3Host = "s3_host"
        case s3, metadata, control, container
        case containerToken = "container_token"
        case caFile = "ca_file"
        case region, account
        case accessKeyID = "access_key_id"
        case secretAccessKey = "secret_access_key"
        case connectTo = "connect_to"
    }
}
