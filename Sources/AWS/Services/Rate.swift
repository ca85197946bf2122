import Glibc

/// How fast requests may follow each other at one of AWS's APIs: at its quota, and more slowly for a while after AWS has limited them. A pure
/// value: times are passed in, in nanoseconds of a clock that only goes forward.
///
/// Requests are spaced evenly, with a small burst (generic cell rate algorithm), so that no second has more of them than the quota.
package struct Rate: Sendable {
    /// The rate after AWS has limited it.
    package struct Easing: Sendable, Equatable {
        /// Requests a second, at `since`.
        let rate: Double
        /// When AWS limited it.
        let since: Int
    }

    /// Requests a second in the long run; infinite: AWS names no quota.
    private let full: Double
    /// Nanoseconds between two requests, and how much earlier than evenly spaced one may come, at the full rate. 0: no bound.
    package let interval: Int, tolerance: Int
    /// When the next request is due if all are evenly spaced.
    package var due = 0
    /// nil: the full rate holds.
    package var easing: Easing?

    /// Requests that were sent in one second arrive in a slightly shorter time: the quota is kept for this many seconds.
    private static let window = 1.02
    /// The share of the quota that may come at once.
    private static let burst = 0.1
    /// Requests a second, however often AWS limits them.
    private static let min = 1.0
    /// Nanoseconds. Limits within this time after one are about requests that were sent before it.
    private static let settling = 1_000_000_000
    /// Nanoseconds in which the rate doubles.
    private static let doubling = 10e9
    /// Requests a second that are assumed where AWS names no quota, once it has limited them.
    private static let assumed = 100.0

    /// - Parameter quota: requests a second; nil: no bound, until AWS limits them.
    package init(quota: Double?) {
        guard let quota else {
            (full, interval, tolerance) = (.infinity, 0, 0)
            return
        }
        let burst = max(1, (quota * Self.burst).rounded(.down))
        full = (quota + 1 - burst) / Self.window
        interval = Int(1e9 / full)
        tolerance = Int((burst - 1) * 1e9 / full)
    }

    /// Lets a request go now, or says how many nanoseconds are left until one may. 0: it may go, and has been counted.
    package mutating func take(at now: Int) -> Int {
        let (interval, tolerance) = spacing(at: now)
        let wait = due &- tolerance &- now
        guard wait <= 0 else { return wait }
        due = max(due, now) &+ interval
        return 0
    }

    /// As `take`, but nothing is counted.
    package func wait(at now: Int) -> Int { max(due &- spacing(at: now).tolerance &- now, 0) }

    /// AWS has limited a request: the rate is halved, once for all the requests that were under way.
    package mutating func limited(at now: Int) {
        if let easing, now - easing.since < Self.settling { return }
        let rate = full == .infinity && easing == nil ? Self.assumed : rate(at: now)
        easing = Easing(rate: max(Self.min, rate / 2), since: now)
    }

    /// Requests a second that may go now.
    package func rate(at now: Int) -> Double {
        guard let easing else { return full }
        let grown = easing.rate * exp2(Double(now - easing.since) / Self.doubling)
        return grown < (full == .infinity ? Self.assumed : full) ? grown : full
    }

    private func spacing(at now: Int) -> (interval: Int, tolerance: Int) {
        guard easing != nil else { return (interval, tolerance) }
        let rate = rate(at: now)
        return rate < full ? (Int(1e9 / rate), 0) : (interval, tolerance)
    }
}
