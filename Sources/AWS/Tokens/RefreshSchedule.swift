import FoundationEssentials

/// When the next token is fetched. A pure value: the caller passes in the time and the random numbers.
struct RefreshSchedule: Sendable {
    /// A token is renewed after this share of its life, plus a random share of up to `spread`, so that replicas that started together do not
    /// fetch together. Not earlier: two calls in a token's life are enough.
    static let renewal = 0.5, spread = 0.1
    /// Seconds between fetches forced by tokens that the upstream rejected. The first is immediate; the interval bounds the rate of the next
    /// ones.
    static let forcedInterval: TimeInterval = 5
    /// The same while the token's expiry is assumed: the rejections may have nothing to do with its age.
    static let forcedIntervalWhenAssumed: TimeInterval = 60
    /// Seconds. After a failed fetch the wait is a random share of 1, 2, 4, … up to this.
    static let maxBackoff: TimeInterval = 60
    /// Seconds. The shortest wait after a failed fetch, so that a fetch that fails immediately does not loop.
    static let minBackoff: TimeInterval = 0.2

    /// A fetch is under way: no other one begins.
    private(set) var isFetching = false
    /// Of the last token; nil before the first.
    private(set) var life: TokenLife?
    /// In a row.
    private(set) var failures = 0
    /// When the last fetch began that was not due and was forced by a rejected token.
    private var forcedAt: Date?
    /// When a fetch is due without being requested. The first is due at once.
    private var due = Date.distantPast

    mutating func fetchStarted(at now: Date) {
        isFetching = true
        if now < due { forcedAt = now }
    }

    /// - Parameter random: in 0..<1.
    mutating func fetchSucceeded(_ life: TokenLife, random: Double) {
        isFetching = false
        self.life = life
        failures = 0
        let share = Self.renewal + Self.spread * random
        due = life.fetchedAt.addingTimeInterval(life.expiresAt.timeIntervalSince(life.fetchedAt) * share)
    }

    mutating func fetchFailed(at now: Date, random: Double) {
        isFetching = false
        failures += 1
        let longest = min(Self.maxBackoff, powerOfTwo(failures - 1))
        due = now.addingTimeInterval(max(Self.minBackoff, longest * random))
    }

    /// When the next fetch may begin, once none is under way.
    /// - Parameter isRequested: whether a request waits for a newer token.
    func nextFetch(at now: Date, isRequested: Bool) -> Date {
        // After a failure the backoff applies, even while requests wait.
        guard isRequested, failures == 0, let life else { return due }
        // A clock that was set back must not block a forced fetch.
        guard let forcedAt, forcedAt <= now else { return min(due, now) }
        return min(due, forcedAt.addingTimeInterval(life.isAssumed ? Self.forcedIntervalWhenAssumed : Self.forcedInterval))
    }

    private func powerOfTwo(_ exponent: Int) -> TimeInterval { TimeInterval(1 << min(exponent, 16)) }
}
