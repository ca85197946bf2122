import Transport

/// A request that waits in line, on its loop.
///
/// `@unchecked Sendable`: `outcome` is guarded by the line's lock; all but that, `loop` and `settle` is used on the loop's thread only.
final class Ticket: @unchecked Sendable {
    /// How the wait ended.
    enum Outcome { case hasTurn, displaced }

    let loop: EventLoop
    /// nil: it waits, or has left.
    var outcome: Outcome?
    private let requester: Requester
    private var isSettled = false, isWaiting = false

    /// How long until it is noticed that the client has gone.
    private static let look = Duration.milliseconds(250)

    init(_ requester: Requester) { (self.requester, loop) = (requester, requester.loop) }

    /// Ends the wait. From any thread.
    func settle() {
        loop.execute { [self] in
            isSettled = true
            wake(.ready)
        }
    }

    /// Waits until it is settled, the client has gone, or the time is over.
    func wait(for time: Duration) async {
        let deadline = ContinuousClock.now + time
        while !isSettled, !isClientGone, case let left = ContinuousClock.now.duration(to: deadline), left > .zero {
            isWaiting = true
            loop.after(min(left, Self.look)) { [self] in wake(.timedOut) }
            requester.waiter.reset()
            _ = await requester.waiter.wait()
            isWaiting = false
        }
    }

    var isClientGone: Bool { requester.isGone }

    /// The waiter is the connection's, or the task's: what comes late must not end another wait of its.
    private func wake(_ wake: Wake) { if isWaiting { requester.waiter.wake(wake) } }
}
