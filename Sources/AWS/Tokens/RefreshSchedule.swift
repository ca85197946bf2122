import FoundationEssentials

/// When the next token is fetched: a value, the clock and the dice are passed in (design: the token's life).
struct RefreshSchedule: Sendable {
    /// Of a token's life, and how far after it replicas started together are spread. Never before: two calls a token's life are enough.
    static let renewal = 0.5, spread = 0.1
    /// Seconds between fetches that refusals of the upstream ask for: the first helps at once, the next are no storm.
    static let forcedInterval: TimeInterval = 5
    /// The same while the token's end is a guess: its upstream's refusals may have nothing to do with its age.
    static let forcedIntervalWhenGuessed: TimeInterval = 60
    /// Seconds after a failed fetch: a random share of 1, 2, 4 … up to this.
    static let longestBackoff: TimeInterval = 60
    /// Seconds below which a random share never goes: a fetch that fails at once must not spin.
    static let shortestBackoff: TimeInterval = 0.2

    private(set) var life: TokenLife?
    private(set) var failures = 0
    /// When the last fetch began that only a refusal had asked for.
    private var forcedAt: Date?
    /// When one is due though nobody asks. Before the first fetch: at once.
    private var due = Date.distantPast

    mutating func started(at now: Date) {
        if now < due { forcedAt = now }
    }

    /// `random` in 0..<1.
    mutating func succeeded(_ life: TokenLife, random: Double) {
        self.life = life
        failures = 0
        let share = Self.renewal + Self.spread * random
        due = life.fetchedAt.addingTimeInterval(life.expiresAt.timeIntervalSince(life.fetchedAt) * share)
    }

    mutating func failed(at now: Date, random: Double) {
        failures += 1
        let longest = min(Self.longestBackoff, pow2(failures - 1))
        due = now.addingTimeInterval(max(Self.shortestBackoff, longest * random))
    }

    /// When the next fetch may begin. `isWanted`: somebody waits for a newer token.
    func next(at now: Date, isWanted: Bool) -> Date {
        // After a failure the backoff holds, whoever waits.
        guard isWanted, failures == 0, let life else { return due }
        // A clock that was set back must not bar the way.
        guard let forcedAt, forcedAt <= now else { return min(due, now) }
        return min(due, forcedAt.addingTimeInterval(life.isGuessed ? Self.forcedIntervalWhenGuessed : Self.forcedInterval))
    }

    private func pow2(_ exponent: Int) -> TimeInterval { TimeInterval(1 << min(exponent, 16)) }
}
