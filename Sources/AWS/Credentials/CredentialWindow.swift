import FoundationEssentials

/// Decides when credentials are renewed: while the old ones are used in the advisory window, before further use in the mandatory one (ECR 4.6).
struct CredentialWindow {
    enum Need: Equatable { case none, advisory, mandatory }

    /// Seconds before the expiry. A call with its retries fits in.
    static let mandatory: TimeInterval = 60
    /// Seconds without a search after one that failed or found expired credentials: the metadata service needs time, not load.
    static let pause: ClosedRange<TimeInterval> = 300...600

    private var foundAt: Date?
    private var pausedUntil: Date?

    mutating func found(_ credentials: Credentials, at now: Date) {
        foundAt = now
        let isExpired = credentials.expiration.map { $0 <= now.addingTimeInterval(Self.mandatory) } ?? false
        pausedUntil = isExpired ? now.addingTimeInterval(.random(in: Self.pause)) : nil
    }

    mutating func failed(at now: Date) { pausedUntil = now.addingTimeInterval(.random(in: Self.pause)) }

    func need(at now: Date, for credentials: Credentials) -> Need {
        guard let expiration = credentials.expiration else { return .none }
        // A clock that was set back must not make the pause longer.
        if let pausedUntil, now < pausedUntil, pausedUntil.timeIntervalSince(now) <= Self.pause.upperBound { return .none }
        let left = expiration.timeIntervalSince(now)
        if left <= Self.mandatory { return .mandatory }
        return left <= Self.advisory(lifetime: expiration.timeIntervalSince(foundAt ?? now)) ? .advisory : .none
    }

    /// The advisory window in seconds before the expiry: 5 minutes for short sessions, 15 for an hour, 60 for longer ones.
    static func advisory(lifetime: TimeInterval) -> TimeInterval {
        switch lifetime {
        case ...1200: 300
        case ..<5400: 900
        default: 3600
        }
    }
}
