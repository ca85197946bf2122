import Transport

/// Tasks of a worker for which nobody waits: a few at a time, so that they do not take the turns of clients' requests. Confined to its loop.
final class QueuedTasks {
    private let tasks: OwnTasks
    private var waiting: [(OwnTask) async -> Void] = []
    private var running = 0

    /// With more, the next ones are not done.
    private static let maxRunning = 2, maxWaiting = 1000

    init(_ tasks: OwnTasks) { self.tasks = tasks }

    /// - Parameter work: as for `OwnTasks.start`.
    func start(_ work: @escaping (OwnTask) async -> Void) {
        guard running < Self.maxRunning else {
            if waiting.count < Self.maxWaiting { waiting.append(work) }
            return
        }
        if tasks.start({ [self] task in await run(work, task) }) { running += 1 }
    }

    private func run(_ first: (OwnTask) async -> Void, _ task: OwnTask) async {
        await first(task)
        while !task.isAbandoned, !waiting.isEmpty { await waiting.removeFirst()(task) }
        running -= 1
    }
}
