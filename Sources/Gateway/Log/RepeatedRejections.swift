import Registry
import Transport

/// Rejections of one client for one reason: the first ones of an interval are logged, the others are counted, so that a flood of requests
/// does not flood the log. A worker's own.
struct RepeatedRejections {
    /// What makes two rejections the same.
    struct Kind: Hashable {
        let client: ClientNetwork
        let operation: RegistryOperation
        let status: Int
        /// A failed login is a kind of its own, unlike a request without one, so that its lines are not lost among them.
        let isFailedLogin: Bool
    }

    /// The count of an interval, and what is logged with it.
    struct Repeats {
        let client: [UInt8]
        let operation: RegistryOperation
        let status: Int
        let reason: String
        var count = 0
    }

    private struct Interval {
        let start: ContinuousClock.Instant
        var lines = 1
        var repeats: Repeats
    }

    private var intervals: [Kind: Interval] = [:]

    static let linesPerInterval = 20
    static let interval = Duration.seconds(10)
    /// Further kinds are counted together: this many are an attack from many networks.
    private static let maxKinds = 4096
    /// Rejections of further kinds.
    private var others = 0

    /// Whether a rejection is to be logged on a line of its own.
    /// - Parameter repeats: what it is counted as otherwise.
    mutating func mayWrite(_ kind: Kind, now: ContinuousClock.Instant, repeats: () -> Repeats) -> Bool {
        guard var interval = intervals[kind], now - interval.start < Self.interval else {
            guard intervals[kind] != nil || intervals.count < Self.maxKinds else {
                others += 1
                return false
            }
            // The last interval's count is kept until it is logged.
            var next = Interval(start: now, repeats: repeats())
            next.repeats.count = intervals[kind]?.repeats.count ?? 0
            intervals[kind] = next
            return true
        }
        let mayWrite = interval.lines < Self.linesPerInterval
        if mayWrite { interval.lines += 1 } else { interval.repeats.count += 1 }
        intervals[kind] = interval
        return mayWrite
    }

    /// Removes and returns the counts of the intervals that are over.
    /// - Parameter all: also of those that are not over.
    mutating func take(now: ContinuousClock.Instant, all: Bool = false) -> (counted: [Repeats], others: Int) {
        let over = intervals.filter { all || now - $0.value.start >= Self.interval }
        for kind in over.keys { intervals[kind] = nil }
        defer { others = 0 }
        return (over.values.map(\.repeats).filter { $0.count > 0 }, others)
    }
}
