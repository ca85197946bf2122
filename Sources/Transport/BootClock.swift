import Glibc

/// Nanoseconds since the machine started, its sleep included: for spans of time that are measured for each request. `ContinuousClock` is the same clock,
/// but its instants are of a size that the compiler does not know.
package enum BootClock {
    /// Only goes forward.
    package static var now: Int {
        var time = timespec()
        clock_gettime(CLOCK_BOOTTIME, &time)
        return time.tv_sec &* 1_000_000_000 &+ time.tv_nsec
    }

    /// A duration as this clock counts.
    static func nanoseconds(of duration: Duration) -> Int {
        let (seconds, attoseconds) = duration.components
        return Int(seconds) * 1_000_000_000 + Int(attoseconds / 1_000_000_000)
    }
}
