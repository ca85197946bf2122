import Synchronization
import Transport

/// A few threads for calls that may wait for the disk. Jobs begin in the order in which they come. The threads end with the last reference to this.
final class DiskThreads: Sendable {
    private let queue: Queue
    private let watch: DiskWatch
    /// Threads. Without any, no job runs.
    let count: Int

    private final class Queue: Sendable {
        let jobs = Mutex(JobQueue())
        let semaphore = Semaphore()

        func run() {
            while true {
                semaphore.wait()
                // A post without a job ends a thread.
                guard let job = jobs.withLock({ $0.popFirst() }) else { return }
                job()
            }
        }
    }

    /// - Parameters:
    ///   - names: of each thread, for `top` and gdb; at most 15 characters.
    ///   - watch: knows whether the disk answers.
    init(_ names: [String], watch: DiskWatch) {
        let queue = Queue()
        (self.queue, self.watch) = (queue, watch)
        count = names.filter { startThread(named: $0) { queue.run() } }.count
    }

    deinit { for _ in 0..<count { queue.semaphore.post() } }

    /// Others wait for a thread.
    var hasJobs: Bool { queue.jobs.withLock { !$0.isEmpty } }

    /// Runs `work` on one of the threads. From any thread; never waits.
    func perform(_ work: @escaping @Sendable () -> Void) {
        queue.jobs.withLock { $0.append(work) }
        queue.semaphore.post()
    }

    /// Runs `work`, which reads a file.
    func performRead(_ work: @escaping @Sendable () -> Void) { perform { [watch] in watch.note("pread", work) } }

    /// Runs `work` on one of the threads and returns what it returns.
    /// - Returns: nil: the disk does not answer. The work may go on.
    func run<Value: Sendable>(_ work: @escaping @Sendable () -> Value) async -> Value? {
        await withUnsafeContinuation { (continuation: UnsafeContinuation<Value?, Never>) in
            guard let wait = watch.beginWait({ continuation.resume(returning: nil) }) else {
                return continuation.resume(returning: nil)
            }
            perform { [watch] in
                let value = work()
                if watch.endWait(wait) { continuation.resume(returning: value) }
            }
        }
    }
}
