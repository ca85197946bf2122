import Transport

/// The tasks of a worker that ask upstreams without a client's connection. Confined to its loop.
final class OwnTasks {
    private struct Entry {
        let task: OwnTask
        /// nil: it runs.
        var work: ((OwnTask) async -> Void)?
    }

    private let loop: EventLoop
    private var entries: [Int: Entry] = [:]
    private var lastNumber = 0
    private var isAbandoned = false
    /// Makes a task that calls `run`. The worker sets it, before it serves anybody.
    var spawn: ((Int) -> Void)?

    init(on loop: EventLoop) { self.loop = loop }

    /// Begins a task.
    /// - Parameter work: ends soon after its task is abandoned.
    /// - Returns: false: the gateway stops.
    @discardableResult func start(_ work: @escaping (OwnTask) async -> Void) -> Bool {
        guard !isAbandoned else { return false }
        lastNumber += 1
        entries[lastNumber] = Entry(task: OwnTask(on: loop), work: work)
        spawn?(lastNumber)
        return true
    }

    /// What a task does, from its beginning to its end.
    func run(_ number: Int) async {
        guard let entry = entries[number], let work = entry.work else { return }
        entries[number]?.work = nil
        await work(entry.task)
        entries[number] = nil
    }

    /// Ends all, and begins none any more: nobody is left who waits for them.
    func abandon() {
        isAbandoned = true
        for entry in entries.values { entry.task.abandon() }
    }
}
