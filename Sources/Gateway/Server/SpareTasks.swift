/// Tasks of a worker that wait for an idle connection to go on. A task has some 20 KiB of stack once it has run an exchange, which a connection would
/// otherwise need for as long as it is open, or allocate anew for each request.
struct SpareTasks {
    private var waiting: [UnsafeContinuation<ObjectIdentifier?, Never>] = []
    /// The fewest that waited at any time since `endUnused`.
    private var fewest = 0

    /// A task waits. It is resumed with a connection's key, or with nil when it is to end.
    mutating func append(_ task: UnsafeContinuation<ObjectIdentifier?, Never>) { waiting.append(task) }

    /// Resumes the task that has waited for the shortest time, whose memory is likely in the cache. false: none waits.
    mutating func resume(with key: ObjectIdentifier) -> Bool {
        guard let task = waiting.popLast() else { return false }
        fewest = min(fewest, waiting.count)
        task.resume(returning: key)
        return true
    }

    /// Ends the tasks that were not needed since the last call.
    mutating func endUnused() {
        for task in waiting.prefix(fewest) { task.resume(returning: nil) }
        waiting.removeFirst(min(fewest, waiting.count))
        fewest = waiting.count
    }

    mutating func endAll() {
        for task in waiting { task.resume(returning: nil) }
        waiting = []
    }
}
