import CLibevent
import Glibc

/// Returns the pages of freed memory to the system. The allocator keeps pages between pieces in use, so after a flood of connections the process
/// would stay as large as it was at its peak.
package struct FreedMemory {
    /// Resident pages after memory was last returned, and the fewest of any such time.
    private var residentAfter = 0, fewest = Int.max
    private var callsSince = 0

    /// Growth, in bytes, that justifies a walk through the allocator's free lists.
    private static let growth = 4 << 20
    /// Calls until a process that is still large is looked at again: its memory may have been in use when the last walk came, in the middle of a
    /// flood.
    private static let callsUntilNext = 6

    /// Measures growth from 0.
    package init() {}

    /// Returns memory if the process has grown, or is still large some calls later. To be called now and then, off the loops: after a flood it holds
    /// the allocator's locks for milliseconds.
    package mutating func giveBack() {
        let resident = Self.residentPages()
        callsSince += 1
        guard hasGrown(resident, since: residentAfter) || callsSince >= Self.callsUntilNext && hasGrown(resident, since: fewest)
        else {
            // After shrinking by itself, growth counts from the smaller size.
            residentAfter = min(residentAfter, resident)
            return
        }
        malloc_trim(0)
        residentAfter = Self.residentPages()
        (fewest, callsSince) = (min(fewest, residentAfter), 0)
    }

    private func hasGrown(_ resident: Int, since before: Int) -> Bool {
        before < .max && (resident - before) * sysconf(Int32(_SC_PAGESIZE)) > Self.growth
    }

    /// The second number of statm (proc(5)).
    private static func residentPages() -> Int {
        readFile("/proc/self/statm", limit: 256).flatMap { text in
            String(decoding: text, as: UTF8.self).split(separator: " ").dropFirst().first.flatMap { Int($0) }
        } ?? 0
    }
}
