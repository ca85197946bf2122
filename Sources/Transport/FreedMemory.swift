import CLibevent
import Glibc

/// Gives the pages of freed memory back to the system: the allocator keeps what lies between pieces in use, so that a flood of connections
/// would leave the process as large as it was at its worst.
package struct FreedMemory {
    /// Pages, after memory was last given back.
    private var residentAfter = 0

    /// Growth that is worth a walk through the allocator's free lists, in bytes.
    private static let growth = 4 << 20

    package init() {}

    /// To be called now and then, off the loops: it holds the allocator's locks for milliseconds after a flood.
    package mutating func giveBack() {
        let resident = Self.residentPages()
        guard (resident - residentAfter) * sysconf(Int32(_SC_PAGESIZE)) > Self.growth else {
            // What shrank by itself counts from there.
            residentAfter = min(residentAfter, resident)
            return
        }
        malloc_trim(0)
        residentAfter = Self.residentPages()
    }

    /// proc(5): the second number of statm.
    private static func residentPages() -> Int {
        readFile("/proc/self/statm", limit: 256).flatMap { text in
            String(decoding: text, as: UTF8.self).split(separator: " ").dropFirst().first.flatMap { Int($0) }
        } ?? 0
    }
}
