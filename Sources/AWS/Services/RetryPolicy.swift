/// How often and how soon a call is made again: three times in all, full jitter (wire 4.7).
struct RetryPolicy: Sendable {
    var attempts = 3
    var longest = Duration.seconds(20)

    /// Before attempt `attempt + 1`; `random` in 0..<1. Nil: that was the last.
    func delay(after attempt: Int, random: Double) -> Duration? {
        guard attempt < attempts else { return nil }
        return min(longest, .seconds(1 << (attempt - 1))) * random
    }
}
