import FoundationEssentials

/// When credentials are to be renewed: in the advisory window while the old ones are used, in the mandatory one before (ECR 4.6).
struct CredentialWindow {
    enum Need: Equatable { case none, advisory, mandatory }

    static let mandatory: TimeInterval = 60  // seconds before the end; a call with its retries fits in
    /// After a search that failed, or brought credentials that were over already: the metadata service needs time, not load.
    static let rest: ClosedRange<TimeInterval> = 300...600

    private var foundAt: Date?
    private var restUntil: Date?

    mutating func found(_ credentials: Credentials, at now: Date) {
        foundAt = now
        let isOver = credentials.expiration.map { $0 <= now.addingTimeInterval(Self.mandatory) } ?? false
        restUntil = isOver ? now.addingTimeInterval(.random(in: Self.rest)) : nil
    }

    mutating func failed(at now: Date) { restUntil = now.addingTimeInterval(.random(in: Self.rest)) }

    func need(at now: Date, for credentials: Credentials) -> Need {
        guard let expiration = credentials.expiration else { return .none }
        // A clock that was set back must not make the rest longer.
        if let restUntil, now < restUntil, restUntil.timeIntervalSince(now) <= Self.rest.upperBound { return .none }
        let left = expiration.timeIntervalSince(now)
        if left <= Self.mandatory { return .mandatory }
        return left <= Self.advisory(lifetime: expiration.timeIntervalSince(foundAt ?? now)) ? .advisory : .none
    }

    /// Seconds before the end: 5 minutes of short sessions, 15 of an hour, 60 of longer ones.
    static func advisory(lifetime: TimeInterval) -> TimeInterval {
        switch lifetime {
        case ...1200: 300
        case ..<5400: 900
        default: 3600
        }
    }
}
