import FoundationEssentials

/// When a token was fetched and when it expires, as far as is known at the fetch.
struct TokenLife: Equatable, Sendable {
    /// Seconds: 12 h, which ECR fixes (ECR 2.1). A longer life comes from a wrong clock.
    static let maxLife: TimeInterval = 12 * 3600

    let fetchedAt: Date
    let expiresAt: Date
    /// ECR gave no expiry, or one in the past (as moto does, with a date in 2015). The token is used until it is rejected.
    let isAssumed: Bool

    /// - Parameter reported: the expiry in ECR's response; nil when it has none.
    init(fetchedAt: Date, reported: Date?) {
        self.fetchedAt = fetchedAt
        let latest = fetchedAt.addingTimeInterval(Self.maxLife)
        if let reported, reported > fetchedAt {
            expiresAt = min(reported, latest)
            isAssumed = false
        } else {
            expiresAt = latest
            isAssumed = true
        }
    }
}
