/// Why a request was sent to the upstream again. Labels of `berth_replays_total`.
enum ReplayReason: String, CaseIterable {
    case tokenExpired = "token_expired", tokenInvalid = "token_invalid", unauthorized, staleConnection = "stale_connection"
    case expiredURL = "expired_url", repositoryCreated = "repository_created"
    /// The rest of a blob, after its transfer broke.
    case resumed

    init(_ refusal: TokenRefusal.Reason) {
        self =
            switch refusal {
            case .expired: .tokenExpired
            case .invalid: .tokenInvalid
            case .unauthorized: .unauthorized
            }
    }

    /// Its place in `allCases`: what counters are indexed by.
    var index: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}
