import Synchronization

/// Finds out whether loops still turn: each is asked to count, and one that has not counted by the next look is stuck.
package final class LoopWatch: Sendable {
    private let loops: [EventLoop]
    /// Loops that have counted since the last look.
    private let turned = Atomic(0)

    /// - Parameter loops: all are to turn; they may include the caller's.
    package init(_ loops: [EventLoop]) {
        self.loops = loops
        ask()
    }

    /// Whether all loops have turned since the last look, or since the start. From one thread. A loop that is late keeps this false until it has
    /// answered, and gets no second question until then.
    package func look() -> Bool {
        guard turned.load(ordering: .relaxed) == loops.count else { return false }
        ask()
        return true
    }

    private func ask() {
        turned.store(0, ordering: .relaxed)
        for loop in loops { loop.execute { self.turned.wrappingAdd(1, ordering: .relaxed) } }
    }
}
