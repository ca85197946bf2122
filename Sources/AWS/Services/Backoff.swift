import Synchronization

/// How often a call is attempted and how long the wait before each retry is: three attempts, exponential backoff with full jitter (ECR 4.7).
struct Backoff: Sendable {
    /// Including the first.
    var maxAttempts = 3
    var maxDelay = Duration.seconds(20)

    /// The wait before the next attempt; nil after the last.
    /// - Parameters:
    ///   - attempt: that has failed, from 1.
    ///   - random: in 0..<1.
    func delay(after attempt: Int, random: Double) -> Duration? {
        guard attempt < maxAttempts else { return nil }
        return min(maxDelay, .seconds(1 << (attempt - 1))) * random
    }
}
