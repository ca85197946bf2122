import HTTPServer
import Transport

/// For whom an upstream is asked: a client, whose leaving ends it, or a task of Berth's own, which no client's leaving ends.
enum Requester {
    case client(ServerConnection)
    case task(OwnTask)

    /// Where waits for the upstream happen, so that the end of the connection or of the task ends them.
    var waiter: Waiter {
        switch self {
        case .client(let connection): connection.stream.waiter
        case .task(let task): task.waiter
        }
    }

    var loop: EventLoop {
        switch self {
        case .client(let connection): connection.stream.loop
        case .task(let task): task.loop
        }
    }

    /// The drain's time is over.
    var isAbandoned: Bool {
        switch self {
        case .client(let connection): connection.isAbandoned
        case .task(let task): task.isAbandoned
        }
    }

    /// Nobody needs the response any more.
    var isGone: Bool {
        switch self {
        case .client(let connection): connection.isAbandoned || connection.stream.isEndedByPeer
        case .task(let task): task.isAbandoned
        }
    }

    /// Waits for `duration`.
    /// - Throws: `TransportError` when the client leaves meanwhile, or the task is abandoned.
    func pause(for duration: Duration) async throws {
        switch self {
        case .client(let connection): try await connection.stream.pause(for: duration)
        case .task(let task): try await task.pause(for: duration)
        }
    }
}

/// A task that asks an upstream without a client's connection. Confined to its loop.
final class OwnTask {
    let loop: EventLoop
    let waiter = Waiter()
    private(set) var isAbandoned = false

    /// How often a pause looks whether the task is abandoned.
    private static let look = Duration.milliseconds(100)

    init(on loop: EventLoop) { self.loop = loop }

    /// Ends all its waits.
    func abandon() {
        isAbandoned = true
        waiter.cancel()
    }

    /// - Throws: `TransportError` of kind `.cancelled` when the task is abandoned meanwhile.
    func pause(for duration: Duration) async throws {
        let end = ContinuousClock.now + duration
        while !isAbandoned, case let left = ContinuousClock.now.duration(to: end), left > .zero {
            await loop.sleep(for: min(left, Self.look))
        }
        guard !isAbandoned else { throw TransportError(.cancelled, call: "wait", reason: "the gateway is stopping") }
    }
}
