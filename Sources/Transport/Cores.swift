import CLibevent
import Glibc

/// The cores that this process may use: all that are online, or those of its cpuset (`docker run --cpuset-cpus`, `CPUAffinity=`).
package func coreCount() -> Int {
    var cores = cpu_set_t()
    let code = sched_getaffinity(0, MemoryLayout.size(ofValue: cores), &cores)
    // More cores than the set has room for.
    guard code == 0 else { return sysconf(Int32(_SC_NPROCESSORS_ONLN)) }
    return withUnsafeBytes(of: cores) { bytes in bytes.reduce(0) { $0 + $1.nonzeroBitCount } }
}
