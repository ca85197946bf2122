/// How many requests may be sent to an upstream once more, so that retries do not multiply the load of one that fails: a share of the requests of
/// the last seconds, and always a few. A pure value: it is told what happened, and when.
struct RetryBudget {
    /// One retry for so many requests of the window.
    static let requestsPerRetry = 5
    /// A second, however few requests there are.
    static let minRate = 3
    /// Seconds that count, with the current one.
    static let window = 10

    /// One second's.
    private struct Slot {
        var second = Int.min
        var requests = 0, retries = 0
    }

    /// By second, around a ring.
    private var slots = [Slot](repeating: Slot(), count: window)
    private let start: ContinuousClock.Instant
    /// The number of requests that was last reported, and when.
    private var known = 0, knownAt = 0
    /// Since the beginning.
    private var retries = 0

    init(at start: ContinuousClock.Instant) { self.start = start }

    /// Takes note of how many requests there have been, retries among them.
    /// - Parameter count: since the beginning.
    mutating func observe(_ count: Int, at now: ContinuousClock.Instant) {
        let second = second(of: now)
        let new = count - retries - known
        guard new > 0 else { return }
        // When they came is not known: they are spread evenly over the time since the last report.
        let elapsed = min(second - knownAt, Int(Int32.max)) + 1
        for back in 0..<min(elapsed, Self.window) {
            let share = new * (back + 1) / elapsed - new * back / elapsed
            slots[index(of: second - back)].requests += share
        }
        (known, knownAt) = (known + new, second)
    }

    /// Whether a request may be sent once more. It then counts.
    mutating func take(at now: ContinuousClock.Instant) -> Bool {
        let second = second(of: now)
        let current = slots.filter { $0.second > second - Self.window }
        let allowed = max(
            current.reduce(0) { $0 + $1.requests } / Self.requestsPerRetry, Self.minRate * Self.window)
        guard current.reduce(0, { $0 + $1.retries }) < allowed else { return false }
        slots[index(of: second)].retries += 1
        retries += 1
        return true
    }

    private func second(of now: ContinuousClock.Instant) -> Int { max(0, Int((now - start).components.seconds)) }

    /// The slot of a second, emptied of what is older.
    private mutating func index(of second: Int) -> Int {
        let index = (second % Self.window + Self.window) % Self.window
        if slots[index].second != second { slots[index] = Slot(second: second) }
        return index
    }
}
