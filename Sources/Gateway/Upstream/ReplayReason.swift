/// Why a request was sent to the upstream again. Labels of `berth_replays_total`.
enum ReplayReason: String, CaseIterable {
    case tokenExpired = "token_expired", tokenInvalid = "token_invalid", unauthorized, staleConnection = "stale_connection"
    case expiredURL = "expired_url", repositoryCreated = "repository_created"
    /// For the rest of a blob, after its transfer broke.
    case resumed

    init(_ rejection: TokenRejection.Reason) {
        self =
            switch rejection {
            case .expired: .tokenExpired
            case .invalid: .tokenInvalid
            case .unauthorized: .unauthorized
            }
    }

    /// The position in `allCases`, by which counters are indexed.
    var index: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}
