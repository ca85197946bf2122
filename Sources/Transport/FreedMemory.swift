import CLibevent
import Glibc

/// Returns the pages of freed memory to the system. The allocator keeps pages between pieces in use, so after a flood of connections the process
/// would stay as large as it was at its peak.
package struct FreedMemory {
    /// Bytes of resident memory that were not in use after memory was last returned, or the fewest since: what cannot be returned.
    private var remaining = 0

    /// Growth, in bytes, that justifies a walk through the allocator's free lists.
    private static let growth = 1 << 20
    /// The same as a share of what is in use: a large process does not walk for a little.
    private static let growthShare = 32

    /// Nothing has been returned yet.
    package init() {}

    /// Returns memory if much more of it is resident than in use. To be called now and then, off the loops: after a flood it holds the allocator's
    /// locks for milliseconds.
    package mutating func giveBack() {
        let inUse = Int(berth_allocated())
        let unused = Self.residentBytes() - inUse
        guard unused - remaining > max(Self.growth, inUse / Self.growthShare) else {
            remaining = min(remaining, unused)
            return
        }
        malloc_trim(0)
        remaining = Self.residentBytes() - Int(berth_allocated())
    }

    /// Memory that is not of files: the second number of statm less the third (proc(5)).
    private static func residentBytes() -> Int {
        guard let text = readFile("/proc/self/statm", limit: 256) else { return 0 }
        let pages = String(decoding: text, as: UTF8.self).split(separator: " ").prefix(3).compactMap { Int($0) }
        return pages.count == 3 ? (pages[1] - pages[2]) * sysconf(Int32(_SC_PAGESIZE)) : 0
    }
}
