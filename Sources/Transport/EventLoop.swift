import CLibevent
import Crypto
import Glibc
package import HTTP
import Synchronization

/// A libevent base that is also a Swift executor: what is isolated to it runs on the thread inside `run()`, so `await`
/// on this loop costs a queue append, no lock and no thread hop. An actor adopts it through `unownedExecutor`.
///
/// `@unchecked Sendable`: everything but `remote`, `stopping` and the eventfd is touched on the loop's thread only.
package final class EventLoop: SerialExecutor, TaskExecutor, @unchecked Sendable {
    /// The libevent base. On the loop's thread only.
    let base: OpaquePointer
    private var ready: [UnownedJob] = []
    private var running: [UnownedJob] = []
    /// Tasks that let the sockets have a turn.
    private var turning: [UnsafeContinuation<Void, Never>] = []
    /// One buffer for all connections of the loop: filled and emptied between two awaits, it stays in the cache and keeps a
    /// connection's memory small. On the loop's thread only.
    package let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 4096)
    /// For the TLS sessions of the loop, likewise.
    let records = RecordBatch()
    /// What responses say of the time. On the loop's thread only.
    package var date = DateClock()
    private let remote = Mutex(Remote())
    private let stopping = Atomic(false)
    private let wakeDescriptor: Int32
    private let wakeEvent: OpaquePointer
    private let thread = Atomic<UInt>(0)
    /// What the running task has done since it was resumed; see `spend`.
    private var spent = 0
    private var commonTimeouts: [(duration: Duration, interval: UnsafePointer<timeval>)] = []
    lazy var resolver = Resolver(on: base)

    /// The tasks that live on this loop prefer it as their executor: what is resumed without an actor, as every continuation is in
    /// Swift 6.3, then stays on its thread. Without that each wait crosses Swift's global pool, which costs two wake-ups, and whatever
    /// blocks that pool holds connections up. A task that does not prefer such a loop is queued there anew at each of its steps, so it
    /// is for loops whose work is all their own: the workers'.
    let isPreferred: Bool

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

    package var isOnLoop: Bool { thread.load(ordering: .relaxed) == UInt(pthread_self()) }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        if isOnLoop {
            ready.append(job)
        } else {
            remote.withLock { $0.jobs.append(job) }
            wake()
        }
    }

    package func checkIsolated() { precondition(isOnLoop, "not on the loop's thread") }
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
            // Rounds, not until empty: a job that re-enqueues itself must not starve the sockets.
            swap(&ready, &running)
            for job in running {
                spent = 0
                if isPreferred {
                    job.runSynchronously(isolatedTo: serial, taskExecutor: task)
                } else {
                    job.runSynchronously(on: serial)
                }
            }
            running.removeAll(keepingCapacity: true)
            event_base_loop(base, ready.isEmpty && turning.isEmpty ? EVLOOP_ONCE : EVLOOP_NONBLOCK)
            // Resuming enqueues: these tasks run in the next round.
            for task in turning { task.resume() }
            turning.removeAll(keepingCapacity: true)
        }
        thread.store(0, ordering: .relaxed)
    }

    /// Runs the loop on a thread of its own, named for `top` and gdb (15 characters at most).
    package func start(named name: String) {
        // The thread is told the loop and its name; it owns both from here.
        let start = Unmanaged.passRetained(ThreadStart(loop: self, name: name)).toOpaque()
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { start in
                // A null argument cannot be: it is the one passed below.
                let start = Unmanaged<ThreadStart>.fromOpaque(start!).takeRetainedValue()
                pthread_setname_np(pthread_self(), start.name)
                start.loop.run()
                return nil
            }, start)
        // Fails only without memory at start, before there is anything to serve.
        guard code == 0 else { fatalError("pthread_create failed: \(describe(errno: code))") }
        pthread_detach(thread)
    }

    /// Ends `run()` after the round it is in. From any thread.
    package func stop() {
        stopping.store(true, ordering: .relaxed)
        wake()
    }

    private func wake() {
        var one: UInt64 = 1
        _ = write(wakeDescriptor, &one, 8)
    }

    // MARK: Turns

    /// Work that a task may do before the others have a turn: about a mebibyte relayed, or four small requests answered.
    private static let workPerTurn = 8

    /// Counts towards the running task's turn: a recv(2), a send(2), or a request that is taken from bytes that were there already.
    /// On the loop's thread only.
    package func spend() { spent &+= 1 }

    /// The running task has gone on without a wait for long enough: whoever's sockets are always ready asks this and then calls `nextTurn`.
    @inline(__always) package var isTurnOver: Bool { spent >= Self.workPerTurn }

    /// Lets every other connection of the loop have its turn before going on. (`Task.yield()` would go by way of another thread.) On the
    /// loop's thread only.
    package func nextTurn() async { await withUnsafeContinuation { turning.append($0) } }

    /// Runs `work` on the loop's thread. From any thread.
    package func execute(_ work: @escaping @Sendable () -> Void) {
        remote.withLock { $0.works.append(work) }
        wake()
    }

    /// Timeouts of these durations are kept in queues of their own instead of libevent's heap, so that adding and renewing one
    /// is O(1). For the few durations that every connection uses. Before the loop runs, or on its thread.
    package func keepTimeouts(of durations: [Duration]) {
        for duration in durations where commonTimeout(duration) == nil {
            var interval = timeval(duration)
            guard let common = event_base_init_common_timeout(base, &interval) else { continue }
            commonTimeouts.append((duration, common))
        }
    }

    func commonTimeout(_ duration: Duration) -> UnsafePointer<timeval>? {
        // A handful at most: a scan is shorter than a hash.
        for known in commonTimeouts where known.duration == duration { return known.interval }
        return nil
    }
}

/// What other threads have handed over.
private struct Remote {
    var jobs: [UnownedJob] = []
    var works: [@Sendable () -> Void] = []
}

private final class ThreadStart: Sendable {
    let loop: EventLoop, name: String
    init(loop: EventLoop, name: String) { (self.loop, self.name) = (loop, name) }
}

extension timeval {
    init(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        self.init(tv_sec: Int(seconds), tv_usec: Int(attoseconds / 1_000_000_000_000))
    }
}

/// `ECONNREFUSED` → "Connection refused".
package func describe(errno code: Int32) -> String { String(cString: strerror(code)) }
