import CLibevent
import Crypto
import Glibc
package import HTTP
import Synchronization

/// A libevent base that is also a Swift executor: code isolated to it runs on the thread inside `run()`, so an `await` on this loop costs a queue
/// append, no lock and no thread hop. An actor adopts it through `unownedExecutor`.
///
/// `@unchecked Sendable`: everything but `remote`, `stopping`, `thread` and the eventfd is touched on the loop's thread only.
package final class EventLoop: SerialExecutor, TaskExecutor, @unchecked Sendable {
    /// The libevent base. On the loop's thread only.
    let base: OpaquePointer
    /// Jobs for the next round, and those of the current one.
    private var ready: [UnownedJob] = []
    private var running: [UnownedJob] = []
    /// Tasks that wait for the next round, so that the sockets have their turn.
    private var yielded: [UnsafeContinuation<Void, Never>] = []
    /// For all connections of the loop: filled and emptied between two awaits, it stays in the cache and keeps a connection's memory small. Holds 16
    /// TLS records and what frames a chunk of them. On the loop's thread only.
    package let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: (256 << 10) + chunkFraming, alignment: 4096)
    /// What is written next, likewise: it holds nothing across an `await`. On the loop's thread only.
    package let output = OutputBuffer()
    /// One for all TLS sessions of the loop, likewise.
    let records = RecordBatch()
    /// The `Date` of responses. On the loop's thread only.
    package var date = DateClock()
    /// What other threads have handed over.
    private let remote = Mutex(Remote())
    private let stopping = Atomic(false)
    private let wakeDescriptor: Int32
    private let wakeEvent: OpaquePointer
    /// The thread inside `run()`; 0: none.
    private let thread = Atomic<UInt>(0)
    /// Work of the running task since it was resumed; see `spend`.
    private var spent = 0
    /// When the current round of jobs began: for what need not be exact, without a call to the clock. On the loop's thread only.
    package private(set) var roundStart = ContinuousClock.now
    /// On the loop's thread only.
    package private(set) lazy var resolver = Resolver(on: base)

    /// The tasks of this loop's connections prefer it as their executor.
    let isPreferred: Bool

    /// - Parameter isPreferred: the tasks of this loop's connections prefer it as their executor: what is resumed without an actor, as every
    ///   continuation is in Swift 6.3, then stays on the loop's thread. Otherwise each wait crosses Swift's global pool, which costs two wake-ups,
    ///   and whatever blocks that pool delays connections. A task that does not prefer such a loop is queued anew at each of its steps, so this is
    ///   for loops that run only their own tasks: the workers'.
    package init(isPreferred: Bool = false) {
        self.isPreferred = isPreferred
        // Both fail only without memory or descriptors at start, before there is anything to serve.
        guard let base = event_base_new() else { fatalError("event_base_new failed") }
        let descriptor = eventfd(0, Int32(EFD_NONBLOCK) | Int32(EFD_CLOEXEC))
        guard descriptor >= 0 else { fatalError("eventfd failed: \(describe(errno: errno))") }
        self.base = base
        wakeDescriptor = descriptor
        wakeEvent = event_new(
            base, descriptor, Int16(EV_READ | EV_PERSIST),
            { descriptor, _, _ in
                var count: UInt64 = 0
                _ = read(descriptor, &count, 8)
            }, nil)
        event_add(wakeEvent, nil)
    }

    deinit {
        event_free(wakeEvent)
        event_base_free(base)
        close(wakeDescriptor)
        scratch.deallocate()
    }

    /// The caller is on the loop's thread. From any thread.
    package var isOnLoop: Bool { thread.load(ordering: .relaxed) == UInt(pthread_self()) }

    /// Queues a job. From any thread.
    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        if isOnLoop {
            ready.append(job)
        } else {
            remote.withLock { $0.jobs.append(job) }
            wake()
        }
    }

    /// Stops the process when the caller is not on the loop's thread.
    package func checkIsolated() { precondition(isOnLoop, "not on the loop's thread") }
    /// As `isOnLoop`, for the Swift runtime.
    package func isIsolatingCurrentContext() -> Bool? { isOnLoop }

    /// Runs jobs and events on the calling thread until `stop()`.
    package func run() {
        thread.store(UInt(pthread_self()), ordering: .relaxed)
        let (serial, task) = (asUnownedSerialExecutor(), asUnownedTaskExecutor())
        while !stopping.load(ordering: .relaxed) {
            let works = remote.withLock { remote in
                ready.append(contentsOf: remote.jobs)
                remote.jobs.removeAll(keepingCapacity: true)
                defer { remote.works = [] }
                return remote.works
            }
            for work in works { work() }
            // In rounds, not until the queue is empty: a job that queues itself again must not starve the sockets.
            swap(&ready, &running)
            roundStart = .now
            for job in running {
                spent = 0
                if isPreferred {
                    job.runSynchronously(isolatedTo: serial, taskExecutor: task)
                } else {
                    job.runSynchronously(on: serial)
                }
            }
            running.removeAll(keepingCapacity: true)
            event_base_loop(base, ready.isEmpty && yielded.isEmpty ? EVLOOP_ONCE : EVLOOP_NONBLOCK)
            // Resuming enqueues: these tasks run in the next round.
            for task in yielded { task.resume() }
            yielded.removeAll(keepingCapacity: true)
        }
        thread.store(0, ordering: .relaxed)
    }

    /// Runs the loop on its own thread.
    /// - Parameter name: for `top` and gdb; at most 15 characters.
    package func start(named name: String) {
        // Fails only without memory at start, before there is anything to serve.
        guard startThread(named: name, run) else { fatalError("no thread for \(name)") }
    }

    /// Ends `run()` after the current round. From any thread.
    package func stop() {
        stopping.store(true, ordering: .relaxed)
        wake()
    }

    private func wake() {
        var one: UInt64 = 1
        _ = write(wakeDescriptor, &one, 8)
    }

    // MARK: Turns

    /// Units of work that a task may do before the others have their turn: about a mebibyte relayed, or four small requests.
    private static let workPerTurn = 8

    /// Counts one unit of work of the running task: a recv(2), a send(2), or a request parsed from bytes that were already there. On the loop's
    /// thread only.
    package func spend(_ units: Int = 1) { spent &+= units }

    /// The running task has used up its turn. Code whose sockets may always be ready checks this and then calls `nextTurn`.
    @inline(__always) package var isTurnOver: Bool { spent >= Self.workPerTurn }

    /// Lets every other connection of the loop have its turn before going on. (`Task.yield()` would go through another thread.) On the loop's thread
    /// only.
    package func nextTurn() async { await withUnsafeContinuation { yielded.append($0) } }

    /// Runs `work` on the loop's thread. From any thread.
    package func execute(_ work: @escaping @Sendable () -> Void) {
        remote.withLock { $0.works.append(work) }
        wake()
    }

    // MARK: Timers

    /// Runs `work` on the loop's thread after a delay, or a little later when the loop is busy. On the loop's thread only.
    package func after(_ delay: Duration, _ work: @escaping @Sendable () -> Void) {
        var interval = timeval(delay)
        let box = Unmanaged.passRetained(TimerWork(work)).toOpaque()
        event_base_once(
            base, -1, Int16(EV_TIMEOUT),
            { _, _, box in
                guard let box else { return }
                Unmanaged<TimerWork>.fromOpaque(box).takeRetainedValue().run()
            }, box, &interval)
    }

    /// Waits on the loop's own timers, a little longer when the loop is busy. On the loop's thread only.
    package func sleep(for duration: Duration) async {
        await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
            after(duration) { continuation.resume() }
        }
    }
}

private struct Remote {
    var jobs: [UnownedJob] = []
    var works: [@Sendable () -> Void] = []
}

private final class TimerWork: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}

extension timeval {
    init(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        self.init(tv_sec: Int(seconds), tv_usec: Int(attoseconds / 1_000_000_000_000))
    }
}

/// The text of an errno: "Connection refused" for `ECONNREFUSED`.
package func describe(errno code: Int32) -> String { String(cString: strerror(code)) }
