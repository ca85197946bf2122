import Cache
import HTTPServer
import Transport

/// Where a client's request waits for a content to grow: at its connection's waiter, so that the connection's end ends the wait.
///
/// `@unchecked Sendable`: all but `notify` is used on the loop's thread only, and that touches nothing but `loop`.
final class GrowthWait: @unchecked Sendable {
    private let connection: ServerConnection
    private let loop: EventLoop
    private var isReady = false, isWaiting = false, hasTimer = false

    /// How long until it is noticed that the client has gone.
    private static let look = Duration.milliseconds(250)

    init(_ connection: ServerConnection) { (self.connection, loop) = (connection, connection.stream.loop) }

    /// Waits until more than `offset` bytes of a content are available, or no more will be. -1: until its size is known.
    /// - Parameter time: to wait at most; nil: any.
    /// - Throws: the client has gone.
    func wait(for content: CachedContent, beyond offset: Int, within time: Duration? = nil) async throws -> CachedContent.Progress {
        isReady = false
        let end = time.map { ContinuousClock.now + $0 }
        guard let number = content.notify(beyond: offset, { [self] in notify() }) else { return content.progress }
        var isGone = connection.isAbandoned
        while !isReady, !isGone, end.map({ .now < $0 }) ?? true {
            setTimer()
            isWaiting = true
            connection.stream.waiter.reset()
            _ = await connection.stream.waiter.wait()
            isWaiting = false
            isGone = connection.isAbandoned || !isReady && connection.stream.isEndedByPeer
        }
        content.cancelNotification(number)
        guard !isGone else {
            throw ConnectionFailure(.client, .cancelled, call: "wait", reason: "the client left before the content had come")
        }
        return content.progress
    }

    /// From any thread. What comes late ends a later wait early, which looks again.
    private func notify() {
        loop.execute { [self] in
            isReady = true
            wake(.ready)
        }
    }

    /// One is enough, however often the content grows meanwhile.
    private func setTimer() {
        guard !hasTimer else { return }
        hasTimer = true
        loop.after(Self.look) { [self] in
            hasTimer = false
            wake(.timedOut)
        }
    }

    /// The waiter is the connection's: what comes late must not end another wait of its.
    private func wake(_ wake: Wake) { if isWaiting { connection.stream.waiter.wake(wake) } }
}
