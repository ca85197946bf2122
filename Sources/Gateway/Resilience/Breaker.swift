/// Whether a registry is used: decides from the results of requests. A pure value, told what happened and when.
///
/// It opens after failures in a row, or when half of the last ones failed. Open, it lets nothing pass for a pause, then one request at a time; a
/// success closes it, a failure doubles the pause. Whoever has no other registry to go to may pass it by: the result counts all the same.
struct Breaker: Equatable {
    enum State: Equatable {
        case closed
        /// Nothing passes until then; the first request after it is the next attempt.
        case open(until: ContinuousClock.Instant)
        /// An attempt is under way since then.
        case halfOpen(since: ContinuousClock.Instant)
    }

    /// What a result has changed.
    enum Change: Equatable {
        /// - Parameters:
        ///   - cause: of the opening; nil: the attempt of a half-open breaker failed.
        ///   - pause: until the next attempt.
        case opened(Cause?, pause: Duration)
        /// - Parameter after: how long it was not closed.
        case closed(after: Duration)
    }

    enum Cause: Equatable {
        /// This many.
        case failuresInARow(Int)
        /// This many of `window`.
        case failures(Int)
    }

    /// Failures in a row that open it: fewer happen by chance, or when one of a name's addresses is away.
    static let maxFailuresInARow = 5
    /// Results that are looked back at, and how many failures among them open it.
    static let window = 20, maxFailures = 10
    /// The first pause, and the longest: each failed attempt doubles it.
    static let minPause = Duration.seconds(5), maxPause = Duration.seconds(60)
    /// An attempt without a result by then counts for nothing (its client has gone), and another one may begin.
    static let attemptTime = Duration.seconds(15)

    private(set) var state = State.closed
    /// The last results, the newest in the lowest bit: 1 for a failure. At the start, all were successes.
    private var results: UInt32 = 0
    private var failuresInARow = 0
    private var pause = minPause
    private var openedAt: ContinuousClock.Instant?

    /// Nothing has failed lately: a success would change nothing.
    var isUntroubled: Bool { state == .closed && results == 0 }

    /// Whether a request may go to the registry now. After true from an open breaker, that request's result decides.
    mutating func mayTry(at now: ContinuousClock.Instant) -> Bool {
        switch state {
        case .closed: return true
        case .open(let end): guard now >= end else { return false }
        case .halfOpen(let start): guard now >= start + Self.attemptTime else { return false }
        }
        state = .halfOpen(since: now)
        return true
    }

    mutating func succeeded(at now: ContinuousClock.Instant) -> Change? {
        failuresInARow = 0
        guard state != .closed else {
            count(isFailure: false)
            return nil
        }
        let opened = openedAt ?? now
        self = Breaker()
        return .closed(after: opened.duration(to: now))
    }

    mutating func failed(at now: ContinuousClock.Instant) -> Change? {
        switch state {
        case .closed: break
        // Requests that had begun before, or had no other registry to go to: known already. Past the pause they are the attempt.
        case .open(let end) where now < end: return nil
        case .open, .halfOpen:
            pause = min(pause * 2, Self.maxPause)
            return open(nil, at: now)
        }
        count(isFailure: true)
        failuresInARow += 1
        if failuresInARow >= Self.maxFailuresInARow { return open(.failuresInARow(failuresInARow), at: now) }
        let failures = results.nonzeroBitCount
        return failures >= Self.maxFailures ? open(.failures(failures), at: now) : nil
    }

    private mutating func count(isFailure: Bool) {
        results = (results << 1 | (isFailure ? 1 : 0)) & ((1 << UInt32(Self.window)) - 1)
    }

    private mutating func open(_ cause: Cause?, at now: ContinuousClock.Instant) -> Change {
        openedAt = openedAt ?? now
        state = .open(until: now + pause)
        return .opened(cause, pause: pause)
    }
}
