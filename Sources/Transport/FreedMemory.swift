import CLibevent
import Glibc

/// Returns the pages of freed memory to the system. The allocator keeps pages between pieces in use, so after a flood of connections the process
/// would stay as large as it was at its peak.
package struct FreedMemory {
    /// Resident pages after memory was last returned.
    private var residentAfter = 0

    /// Growth, in bytes, that justifies a walk through the allocator's free lists.
    private static let growth = 4 << 20

    /// Measures growth from 0.
    package init() {}

    /// Returns memory if the process has grown. To be called now and then, off the loops: after a flood it holds the allocator's locks for
    /// milliseconds.
    package mutating func giveBack() {
        let resident = Self.residentPages()
        guard (resident - residentAfter) * sysconf(Int32(_SC_PAGESIZE)) > Self.growth else {
            // After shrinking by itself, growth counts from the smaller size.
            residentAfter = min(residentAfter, resident)
            return
        }
        malloc_trim(0)
        residentAfter = Self.residentPages()
    }

    /// The second number of statm (proc(5)).
    private static func residentPages() -> Int {
        readFile("/proc/self/statm", limit: 256).flatMap { text in
            String(decoding: text, as: UTF8.self).split(separator: " ").dropFirst().first.flatMap { Int($0) }
        } ?? 0
    }
}
