import Glibc

/// Nanoseconds of a clock that only goes forward.
package func uptime() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_BOOTTIME, &time)
    return time.tv_sec &* 1_000_000_000 &+ time.tv_nsec
}
