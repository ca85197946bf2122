import Synchronization
import Transport

/// One thread for all that changes the directory: its jobs run one after the other, in the order in which they come. In between it calls `tick`.
final class Housekeeper: Sendable {
    private let queue: Queue

    private final class Queue: Sendable {
        let jobs = Mutex(JobQueue())
        let semaphore = Semaphore()
        let isStopped = Atomic(false)
        /// Jobs run on their caller's thread: there is no other.
        let isThreadless = Atomic(false)
    }

    /// - Parameters:
    ///   - interval: milliseconds between ticks.
    ///   - tick: returns at once when its owner has gone.
    init(named name: String, interval: Int, tick: @escaping @Sendable () -> Void) {
        let queue = Queue()
        self.queue = queue
        let isStarted = startThread(named: name) {
            var nextTick = BootClock.now + interval * 1_000_000
            while true {
                queue.semaphore.wait(milliseconds: max(0, (nextTick - BootClock.now) / 1_000_000) + 1)
                // All that have come: a job may have been posted while others ran.
                while let job = queue.jobs.withLock({ $0.popFirst() }) { job() }
                if queue.isStopped.load(ordering: .acquiring) { return }
                guard BootClock.now >= nextTick else { continue }
                tick()
                nextTick = BootClock.now + interval * 1_000_000
            }
        }
        queue.isThreadless.store(!isStarted, ordering: .relaxed)
    }

    /// Ends the thread after the jobs that have come.
    deinit {
        queue.isStopped.store(true, ordering: .releasing)
        queue.semaphore.post()
    }

    /// From any thread; does not wait.
    func perform(_ job: @escaping @Sendable () -> Void) {
        if queue.isThreadless.load(ordering: .relaxed) { return job() }
        queue.jobs.withLock { $0.append(job) }
        queue.semaphore.post()
    }
}
