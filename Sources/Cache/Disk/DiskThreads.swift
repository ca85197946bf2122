import Synchronization
import Transport

/// A few threads for calls that may wait for the disk. Jobs begin in the order in which they come. The threads end with the last reference to this.
package final class DiskThreads: Sendable {
    private let queue: Queue
    /// Without any, jobs run on their caller's thread.
    private let hasThreads: Bool

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

    private let count: Int

    /// - Parameters:
    ///   - count: threads.
    ///   - name: for `top` and gdb; at most 12 characters.
    init(count: Int, named name: String) {
        let queue = Queue()
        let started = (0..<count).filter { number in startThread(named: "\(name)-\(number)") { queue.run() } }.count
        (self.queue, self.count, hasThreads) = (queue, started, started > 0)
    }

    deinit { for _ in 0..<count { queue.semaphore.post() } }

    /// Runs `work` on one of the threads. From any thread; never waits.
    package func perform(_ work: @escaping @Sendable () -> Void) {
        guard hasThreads else { return work() }
        queue.jobs.withLock { $0.append(work) }
        queue.semaphore.post()
    }

    /// Runs `work` on one of the threads and returns what it returns.
    package func run(_ work: @escaping @Sendable () -> Int) async -> Int {
        await withUnsafeContinuation { (continuation: UnsafeContinuation<Int, Never>) in
            perform { continuation.resume(returning: work()) }
        }
    }
}
