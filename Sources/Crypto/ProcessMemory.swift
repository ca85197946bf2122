import COpenSSL

/// Keys, tokens and passwords lie in this process's memory: from now on no core file is written of it, and no other process of the same
/// user may read it (prctl(2), PR_SET_DUMPABLE). What /proc/PID holds then belongs to root.
package func keepMemoryToOurselves() {
    // It fails for no value but a wrong one.
    _ = berth_set_undumpable()
}
