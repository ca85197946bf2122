/// Why a request was sent to the upstream again. Labels of `berth_replays_total`.
enum ReplayReason: String, CaseIterable {
    case tokenExpired = "token_expired", tokenInvalid = "token_invalid", unauthorized, staleConnection = "stale_connection"
    case expiredURL = "expired_url", repositoryCreated = "repository_created"
    /// For the rest of a blob, after its transfer broke.
    case resumed
    /// After a fault of the upstream, within its retry budget.
    case unreachable, brokenConnection = "broken_connection", stalled, serverError = "server_error", throttled
    /// To another registry of the upstream, after one could not serve it.
    case failover

    init(_ rejection: TokenRejection.Reason) {
        self =
            switch rejection {
            case .expired: .tokenExpired
            case .invalid: .tokenInvalid
            case .unauthorized: .unauthorized
            }
    }

    /// The retry adds to the load of an upstream that may be failing because of it.
    var isBudgeted: Bool {
        switch self {
        case .unreachable, .brokenConnection, .stalled, .serverError, .throttled: true
        case .tokenExpired, .tokenInvalid, .unauthorized, .staleConnection, .expiredURL, .repositoryCreated, .resumed, .failover:
            false
        }
    }

    /// The position in `allCases`, by which counters are indexed.
    var index: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}
