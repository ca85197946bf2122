import CLibevent
import Glibc

/// Runs a function on a thread of its own, which ends with it: for what blocks, which would hold up a loop or Swift's pool.
/// - Parameter name: for `top` and gdb; at most 15 characters.
/// - Returns: whether there is such a thread; otherwise the function does not run.
package func startThread(named name: String, _ run: @escaping @Sendable () -> Void) -> Bool {
    // The thread owns it from here.
    let start = Unmanaged.passRetained(ThreadStart(name: name, run: run))
    var thread = pthread_t()
    let code = pthread_create(
        &thread, nil,
        { start in
            guard let start else { return nil }
            let owned = Unmanaged<ThreadStart>.fromOpaque(start).takeRetainedValue()
            pthread_setname_np(pthread_self(), owned.name)
            owned.run()
            return nil
        }, start.toOpaque())
    guard code == 0 else {
        start.release()
        return false
    }
    pthread_detach(thread)
    return true
}

private final class ThreadStart: Sendable {
    let name: String, run: @Sendable () -> Void
    init(name: String, run: @escaping @Sendable () -> Void) { (self.name, self.run) = (name, run) }
}
