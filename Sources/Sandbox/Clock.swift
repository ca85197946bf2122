import Glibc

/// The sandbox's clock, which tests can shift.
final class Clock {
    /// Seconds added to the machine's clock.
    var offset = 0

    /// Seconds since 1970.
    var now: Double {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Double(time.tv_sec + offset) + Double(time.tv_nsec / 1_000_000) / 1000
    }
    var seconds: Int { Int(now) }
}
