/// How a sandbox is reached: what `sandbox.json` holds. `registry`, `api` and `s3` speak TLS with a certificate that `caFile`
/// vouches for; `metadata` and `control` are plain HTTP.
package struct SandboxAddresses: Sendable, Codable {
    /// The names that requests must carry, and `address:port` where they are answered.
    package var registryHost, registry, api, s3Host, s3: String
    /// URLs.
    package var metadata, control: String
    /// The URL of container credentials, plain HTTP, and what `Authorization` must say there.
    package var container, containerToken: String
    /// The authority's certificate, PEM.
    package var caFile: String
    package var region, account, accessKeyID, secretAccessKey: String
    /// For the gateway's `connect_to` and for `curl --connect-to`: `name:port` → `address:port`.
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
