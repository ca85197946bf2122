import COpenSSL

/// Keeps the keys, tokens and passwords in this process's memory from others: from now on the kernel writes no core file of it, and no other process
/// of the same user may read it (prctl(2), PR_SET_DUMPABLE). The files in /proc/PID then belong to root.
package func protectProcessMemory() {
    // Fails only for an invalid value.
    _ = berth_set_undumpable()
}
