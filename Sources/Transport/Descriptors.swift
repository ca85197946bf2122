import Glibc

/// How many descriptors the process may have open.
package enum Descriptors {
    /// Raises the soft limit to the hard one, once at start: every connection is a descriptor, and soft limits are 1024 for the sake of
    /// select(2), which nothing here calls.
    package static func raiseLimit() {
        var limits = current
        limits.rlim_cur = limits.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limits)
    }

    /// What is in force now.
    package static var limit: Int { Int(clamping: current.rlim_cur) }

    private static var current: rlimit {
        var limits = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limits)
        return limits
    }
}
