/// What ended a wait.
package enum Wake: Sendable {
    /// The socket is readable or writable, or its peer has closed.
    case ready
    /// The time of the watch is over.
    case timedOut
    /// The connection is closed, or its worker ends it.
    case cancelled
}

/// Where a connection's task waits for the first of several events: its own socket, the upstream's, or its worker ending the connection.
/// Confined to one loop.
package final class Waiter {
    @usableFromInline var continuation: UnsafeContinuation<Wake, Never>?
    /// Waits instead of a task.
    private var resume: ((Wake) -> Void)?
    /// A wake that came while no task waited; the next wait returns it at once.
    @usableFromInline var pending: Wake?
    /// Every wait ends at once.
    @usableFromInline var isCancelled = false

    /// No task waits yet.
    package init() {}

    /// Waits until `wake` is called. One task at a time.
    @inlinable package func wait() async -> Wake {
        await withUnsafeContinuation { continuation in
            // Checked in here, where no other task can run in between: the call of `wait` itself may let others run first.
            if isCancelled {
                continuation.resume(returning: .cancelled)
            } else if let pending {
                self.pending = nil
                continuation.resume(returning: pending)
            } else {
                self.continuation = continuation
            }
        }
    }

    /// Calls `resume` at the next wake, once. A long wait then needs no task and none of a task's memory.
    package func onNextWake(_ resume: @escaping (Wake) -> Void) {
        guard !isCancelled else { return resume(.cancelled) }
        self.resume = resume
    }

    /// Ends the current wait, or the next one.
    package func wake(_ wake: Wake) {
        if let resume {
            self.resume = nil
            resume(wake)
        } else if let continuation {
            self.continuation = nil
            continuation.resume(returning: wake)
        } else {
            pending = wake
        }
    }

    /// Ends the current wait and all later ones with `.cancelled`.
    package func cancel() {
        isCancelled = true
        wake(.cancelled)
    }

    /// Drops a wake that came while no task waited.
    package func reset() { pending = nil }
}
