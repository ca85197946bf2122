/// What ended a wait.
package enum Wake: Sendable {
    case ready, timedOut, cancelled
}

/// The one place where a connection's task waits, for the first of however many things it has asked for: its own socket,
/// the upstream's, or its worker's word that it is over. Confined to one loop.
package final class Waiter {
    private var continuation: UnsafeContinuation<Wake, Never>?
    /// In the place of a task that waits.
    private var resume: ((Wake) -> Void)?
    /// What came before anybody waited; the next wait takes it at once.
    private var early: Wake?
    /// Nobody waits here any more: every wait ends at once.
    private var isCancelled = false

    package init() {}

    /// Until somebody calls `wake`. One task at a time.
    package func wait() async -> Wake {
        await withUnsafeContinuation { continuation in
            // Asked here, where nothing can come between: the call above may let other tasks have their turn first.
            if isCancelled {
                continuation.resume(returning: .cancelled)
            } else if let early {
                self.early = nil
                continuation.resume(returning: early)
            } else {
                self.continuation = continuation
            }
        }
    }

    /// Has `resume` called at the next wake, once: whoever waits long needs no task, nor the task's memory, meanwhile.
    package func whenWoken(_ resume: @escaping (Wake) -> Void) {
        guard !isCancelled else { return resume(.cancelled) }
        self.resume = resume
    }

    /// Ends the wait that is on, or the next one.
    package func wake(_ wake: Wake) {
        if let resume {
            self.resume = nil
            resume(wake)
        } else if let continuation {
            self.continuation = nil
            continuation.resume(returning: wake)
        } else {
            early = wake
        }
    }

    /// Ends the wait that is on and all that are to come, whatever they are for.
    package func cancel() {
        isCancelled = true
        wake(.cancelled)
    }

    /// Nothing that came earlier counts any more.
    package func reset() { early = nil }
}
