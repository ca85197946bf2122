import AWS
import Synchronization

/// A rate that all workers share. As long as AWS has not limited it, a request costs one exchange of an integer.
final class SharedRate: Sendable {
    private let full: Rate
    /// The quota counts only once AWS has limited a request: accounts may have a higher one.
    private let isLenient: Bool
    private let due = Atomic(0)
    private let isEased = Atomic(false)
    private let easing = Mutex<Rate.Easing?>(nil)

    /// Of `full`, for the path that most requests take.
    private let interval: Int, tolerance: Int

    init(quota: Double?, isLenient: Bool = false) {
        (full, self.isLenient) = (Rate(quota: quota), isLenient)
        (interval, tolerance) = (full.interval, full.tolerance)
    }

    /// Whether a request may go now, as almost always. If so, it has been counted.
    func tryTake(at now: Int) -> Bool {
        guard !isEased.load(ordering: .relaxed) else { return take(at: now) == 0 }
        guard interval > 0, !isLenient else { return true }
        var seen = due.load(ordering: .relaxed)
        while seen &- tolerance <= now {
            let (exchanged, original) = due.weakCompareExchange(
                expected: seen, desired: max(seen, now) &+ interval, ordering: .relaxed)
            if exchanged { return true }
            seen = original
        }
        return false
    }

    private func rate(at now: Int) -> Rate {
        var rate = full
        rate.due = due.load(ordering: .relaxed)
        if isEased.load(ordering: .relaxed) { rate.easing = easing.withLock { $0 } }
        return rate
    }

    private var isFree: Bool { isLenient && !isEased.load(ordering: .relaxed) }

    /// As `Rate.take`.
    func take(at now: Int) -> Int {
        guard !isFree else { return 0 }
        var rate = rate(at: now)
        while true {
            let seen = rate.due, wait = rate.take(at: now)
            guard wait == 0, rate.due != seen else { return wait }
            let (exchanged, original) = due.compareExchange(expected: seen, desired: rate.due, ordering: .relaxed)
            if exchanged { return 0 }
            rate.due = original
        }
    }

    /// As `Rate.wait`.
    func wait(at now: Int) -> Int { isFree ? 0 : rate(at: now).wait(at: now) }

    /// As `Rate.limited`.
    func limited(at now: Int) {
        easing.withLock { easing in
            var rate = full
            (rate.due, rate.easing) = (due.load(ordering: .relaxed), easing)
            rate.limited(at: now)
            easing = rate.easing
        }
        isEased.store(true, ordering: .relaxed)
    }
}
