import Registry
import Transport

/// Rejections of one client for one reason: the first of an interval are lines of the log, the others are counted, so that whoever floods
/// Berth does not flood its log too. A worker's own.
struct RepeatedRejections {
    /// What makes two rejections the same.
    struct Kind: Hashable {
        let client: ClientNetwork
        let operation: RegistryOperation
        let status: Int
        /// A failed login: its lines must not be lost among those of clients that only ask whether they need one.
        let isFailedLogin: Bool
    }

    /// What an interval's count is told with.
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
    /// Past it a rejection is neither written nor told apart: that many kinds are an attack from many networks.
    private static let maxKinds = 4096
    /// Of the kinds that there was no room for.
    private var others = 0

    /// Whether a rejection is to be a line of its own.
    /// - Parameter repeats: what it is counted as when it is not.
    mutating func mayWrite(_ kind: Kind, now: ContinuousClock.Instant, repeats: () -> Repeats) -> Bool {
        guard var interval = intervals[kind], now - interval.start < Self.interval else {
            guard intervals[kind] != nil || intervals.count < Self.maxKinds else {
                others += 1
                return false
            }
            // What the last interval counted is carried on until it is told.
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

    /// The counts of intervals that are over, which are forgotten with it. To be asked now and then.
    /// - Parameter all: also of those that are not over: at the end.
    mutating func take(now: ContinuousClock.Instant, all: Bool = false) -> (told: [Repeats], others: Int) {
        let over = intervals.filter { all || now - $0.value.start >= Self.interval }
        for kind in over.keys { intervals[kind] = nil }
        defer { others = 0 }
        return (over.values.map(\.repeats).filter { $0.count > 0 }, others)
    }
}
