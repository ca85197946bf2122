import Synchronization

/// The SDKs' retry quota: bounds the retries of all callers of a service together, so that they do not multiply its load while it fails (ECR 4.7). A retry after a
/// transient failure takes 5 of 500, one after a time-out 10. A success gives back what its last retry took, or 1.
final class RetryQuota: Sendable {
    static let capacity = 500, failureCost = 5, timeoutCost = 10
    private let remaining = Mutex(capacity)

    /// Returns false when the quota is used up: there is no retry.
    func take(_ cost: Int) -> Bool {
        remaining.withLock { remaining in
            guard remaining >= cost else { return false }
            remaining -= cost
            return true
        }
    }

    /// - Parameter cost: of the last retry; nil when the first attempt succeeded.
    func giveBack(_ cost: Int?) { remaining.withLock { $0 = min(Self.capacity, $0 + (cost ?? 1)) } }
}
