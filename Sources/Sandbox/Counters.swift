/// Counts events since the start, for `GET /stats`.
final class Counters {
    struct Snapshot: Encodable {
        var authorizationTokens: Int, blobGets: Int, expiredTokenResponses: Int, openConnections: Int, openUploads: Int
        var mostAtOnce: Int
        var requests: [String: Int]

        enum CodingKeys: String, CodingKey {
            case authorizationTokens = "authorization_tokens"
            case blobGets = "blob_gets"
            case expiredTokenResponses = "expired_token_answers"
            case openConnections = "open_connections"
            case openUploads = "open_uploads"
            case mostAtOnce = "most_registry_requests_at_once"
            case requests
        }
    }

    var authorizationTokens = 0, blobGets = 0, expiredTokenResponses = 0
    /// Requests to the registry that have no response yet, and the most of them at the same time.
    var registryRequests = 0 { didSet { mostAtOnce = max(mostAtOnce, registryRequests) } }
    private var mostAtOnce = 0
    /// By kind, such as `registry.manifest_get`. Only the sandbox's own names are counted, so their number is bounded.
    private var requests: [String: Int] = [:]

    func count(_ kind: String) { requests[kind, default: 0] += 1 }

    func snapshot(openConnections: Int, openUploads: Int) -> Snapshot {
        Snapshot(
            authorizationTokens: authorizationTokens, blobGets: blobGets, expiredTokenResponses: expiredTokenResponses,
            openConnections: openConnections, openUploads: openUploads, mostAtOnce: mostAtOnce, requests: requests)
    }
}
