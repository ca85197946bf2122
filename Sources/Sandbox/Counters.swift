/// What has happened so far, for `GET /stats`.
final class Counters {
    struct Snapshot: Encodable {
        var authorizationTokens: Int, blobGets: Int, expiredTokenAnswers: Int, openConnections: Int, openUploads: Int
        var requests: [String: Int]

        enum CodingKeys: String, CodingKey {
            case authorizationTokens = "authorization_tokens"
            case blobGets = "blob_gets"
            case expiredTokenAnswers = "expired_token_answers"
            case openConnections = "open_connections"
            case openUploads = "open_uploads"
            case requests
        }
    }

    var authorizationTokens = 0, blobGets = 0, expiredTokenAnswers = 0
    /// By kind, as in `registry.manifest_get`. The kinds are the sandbox's own words, so their number is bounded.
    private var requests: [String: Int] = [:]

    func count(_ kind: String) { requests[kind, default: 0] += 1 }

    func snapshot(openConnections: Int, openUploads: Int) -> Snapshot {
        Snapshot(
            authorizationTokens: authorizationTokens, blobGets: blobGets, expiredTokenAnswers: expiredTokenAnswers,
            openConnections: openConnections, openUploads: openUploads, requests: requests)
    }
}
