/// The body of `/api/v1/status`.
struct GatewayStatus: Encodable {
    let version: String
    let ready: Bool
    let uptimeSeconds: Int
    let upstreams: [UpstreamStatus]

    enum CodingKeys: String, CodingKey {
        case version, ready
        case uptimeSeconds = "uptime_seconds"
        case upstreams
    }
}
