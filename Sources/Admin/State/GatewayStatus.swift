import FoundationEssentials

/// The body of `/api/v1/status`.
struct GatewayStatus: Encodable {
    let version: String
    let ready: Bool
    let draining: Bool
    /// Of this status.
    let time: Date
    let uptimeSeconds: Int
    let logLevel: String
    /// Whether requests that change something need `admin.token_file`'s token. Without one, web pages can change nothing.
    let needsToken: Bool
    let upstreams: [UpstreamStatus]
    /// nil: nothing is kept.
    let cache: CacheCondition?

    enum CodingKeys: String, CodingKey {
        case version, ready, draining, time, upstreams, cache
        case uptimeSeconds = "uptime_seconds"
        case logLevel = "log_level"
        case needsToken = "needs_token"
    }
}
