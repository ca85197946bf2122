import Synchronization

/// How often and how soon a call is made again: three times in all, full jitter (ECR 4.7).
struct RetryPolicy: Sendable {
    var attempts = 3
    var longest = Duration.seconds(20)

    /// Before attempt `attempt + 1`; `random` in 0..<1. Nil: that was the last.
    func delay(after attempt: Int, random: Double) -> Duration? {
        guard attempt < attempts else { return nil }
        return min(longest, .seconds(1 << (attempt - 1))) * random
    }
}

/// What tries after the first may cost: while a service fails, many callers together do not multiply its load (ECR 4.7). A transient
/// failure takes 5 of 500, a time-out 10, and what succeeds gives back what its last try took, or 1.
final class RetryBudget: Sendable {
    static let capacity = 500, failureCost = 5, timeoutCost = 10
    private let left = Mutex(capacity)

    /// False: the budget is used up, the failure is the answer.
    func take(_ cost: Int) -> Bool {
        left.withLock { left in
            guard left >= cost else { return false }
            left -= cost
            return true
        }
    }

    func giveBack(_ cost: Int?) { left.withLock { $0 = min(Self.capacity, $0 + (cost ?? 1)) } }
}
