import Glibc

/// The limit on the process's open file descriptors.
package enum Descriptors {
    /// Raises the soft limit to the hard one. To be called once, at start: every connection is a descriptor, and soft limits are 1024 only for
    /// the sake of select(2), which nothing here calls.
    package static func raiseLimit() {
        var limits = current
        limits.rlim_cur = limits.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limits)
    }

    /// The soft limit in force now.
    package static var limit: Int { Int(clamping: current.rlim_cur) }

    private static var current: rlimit {
        var limits = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limits)
        return limits
    }
}
