import CLibevent

/// Wakes a waiter when a socket is readable or writable. Owns the libevent events of the socket. Confined to one loop.
///
/// The read event stays registered between waits and is removed only when it fires while no task waits for it: a connection of small requests then
/// never calls epoll_ctl(2). A wait for room costs a pair of calls, unless `staysWatchedWritable`. Nor does a wait set a timer: it notes when it is to
/// end, and the timer of a wait before it, which still runs, looks at that.
final class Readiness {
    private let loop: EventLoop
    private let readEvent: OpaquePointer
    /// Once the socket was full.
    private var writeEvent: OpaquePointer?
    /// A timer, once there was a wait with a limit.
    private var alarm: OpaquePointer?
    /// When it rings; `.max`: it does not run.
    private var alarmTime = Int.max
    /// When the wait of `reader` or `pauser` ends, and that of `writer`; `.max`: without limit.
    private var deadline = Int.max, writeDeadline = Int.max
    /// The last limit, also in nanoseconds: the next one is the same, most often.
    private var lastTimeout = Duration.zero, lastNanoseconds = 0
    private var reader: Waiter?, writer: Waiter?, pauser: Waiter?
    private var isRegistered = false, isWriteRegistered = false
    /// The write event stays registered between waits too: for who fills the socket after each.
    var staysWatchedWritable = false { didSet { if !staysWatchedWritable, writer == nil { unregisterWrite() } } }
    private(set) var isClosed = false
    /// Where this socket's waits happen. A task that serves two sockets gives both the same one.
    var waiter = Waiter()
    /// The socket became readable while no task waited for it: a pooled idle connection is then over.
    private(set) var hasUnexpectedInput = false

    init(_ descriptor: Int32, on loop: EventLoop) {
        self.loop = loop
        // event_new fails only without memory. The event gets its argument below, when there is a `self`.
        readEvent = event_new(loop.base, descriptor, 0, { _, _, _ in }, nil)
        event_assign(readEvent, loop.base, descriptor, Int16(EV_READ | EV_PERSIST), { Readiness.readable($2) }, this)
    }

    deinit { _ = close() }

    /// The argument of the events.
    private var this: UnsafeMutableRawPointer { Unmanaged.passUnretained(self).toOpaque() }

    // MARK: Events

    private static func readable(_ this: UnsafeMutableRawPointer?) {
        guard let this else { return }
        let readiness = Unmanaged<Readiness>.fromOpaque(this).takeUnretainedValue()
        if let waiter = readiness.reader {
            readiness.reader = nil
            waiter.wake(.ready)
        } else {
            event_del(readiness.readEvent)
            (readiness.isRegistered, readiness.hasUnexpectedInput) = (false, true)
        }
    }

    private static func writable(_ this: UnsafeMutableRawPointer?) {
        guard let this else { return }
        let readiness = Unmanaged<Readiness>.fromOpaque(this).takeUnretainedValue()
        let waiter = readiness.writer
        readiness.writer = nil
        if waiter == nil || !readiness.staysWatchedWritable { readiness.unregisterWrite() }
        waiter?.wake(.ready)
    }

    private static func ring(_ this: UnsafeMutableRawPointer?) {
        guard let this else { return }
        let readiness = Unmanaged<Readiness>.fromOpaque(this).takeUnretainedValue()
        readiness.alarmTime = .max
        let ended = readiness.endWaits(at: BootClock.now)
        for waiter in ended { waiter.wake(.timedOut) }
    }

    // MARK: The time of a wait

    /// Ends the waits whose time is over, and has the timer ring for the others.
    /// - Returns: who is to be woken, at the end: who is woken may begin or close anything.
    private func endWaits(at now: Int) -> [Waiter] {
        var ended: [Waiter] = []
        if let waiter = reader ?? pauser, deadline <= now {
            ended.append(waiter)
            (reader, pauser) = (nil, nil)
        }
        if let waiter = writer, writeDeadline <= now {
            if waiter !== ended.first { ended.append(waiter) }
            writer = nil
            unregisterWrite()
        }
        setAlarm(at: now)
        return ended
    }

    /// Notes when a wait that begins now is to end, and has the timer ring by then.
    private func limit(to timeout: Duration?, writing: Bool = false) {
        var now = 0, end = Int.max
        if let timeout {
            if timeout != lastTimeout { (lastTimeout, lastNanoseconds) = (timeout, BootClock.nanoseconds(of: timeout)) }
            now = BootClock.now
            end = now + lastNanoseconds
        }
        if writing { writeDeadline = end } else { deadline = end }
        // One that is due already may still be late: it does not run while the machine sleeps.
        if end < alarmTime || alarmTime <= now { setAlarm(at: now) }
    }

    private func setAlarm(at now: Int) {
        let next = min(reader ?? pauser != nil ? deadline : .max, writer != nil ? writeDeadline : .max)
        guard next < .max else { return }
        if alarm == nil { alarm = event_new(loop.base, -1, 0, { Readiness.ring($2) }, this) }
        alarmTime = next
        var interval = timeval(.nanoseconds(max(0, next - now)))
        event_add(alarm, &interval)
    }

    // MARK: Watching

    /// Wakes `waiter` when bytes or the stream's end have come. `timeout` nil: without limit.
    func watchReadable(timeout: Duration?) {
        guard !isClosed else { return waiter.wake(.cancelled) }
        reader = waiter
        hasUnexpectedInput = false
        register()
        limit(to: timeout)
    }

    private func register() {
        guard !isRegistered else { return }
        isRegistered = true
        event_add(readEvent, nil)
    }

    /// Wakes `waiter` when the socket takes bytes again. `timeout` nil: without limit.
    func watchWritable(timeout: Duration?) {
        guard !isClosed else { return waiter.wake(.cancelled) }
        writer = waiter
        registerWrite()
        limit(to: timeout, writing: true)
    }

    private func registerWrite() {
        guard !isWriteRegistered else { return }
        isWriteRegistered = true
        if writeEvent == nil {
            let what = Int16(EV_WRITE | EV_PERSIST)
            writeEvent = event_new(loop.base, event_get_fd(readEvent), what, { Readiness.writable($2) }, this)
        }
        event_add(writeEvent, nil)
    }

    private func unregisterWrite() {
        guard isWriteRegistered, !isClosed else { return }
        isWriteRegistered = false
        event_del(writeEvent)
    }

    /// Watches a socket that should stay silent: sets `hasUnexpectedInput` when bytes or the stream's end come.
    func watchForClose() {
        reader = nil
        hasUnexpectedInput = false
        register()
    }

    /// Ends what `watchReadable` and `watchWritable` began.
    func unwatch() {
        reader = nil
        guard writer != nil else { return }
        writer = nil
        unregisterWrite()
    }

    // MARK: Waiting

    func waitUntilReadable(timeout: Duration?) async throws {
        guard !isClosed else { throw TransportError.connectionClosed("read") }
        waiter.reset()
        watchReadable(timeout: timeout)
        try end(await waiter.wait(), of: "read")
    }

    func waitUntilWritable(timeout: Duration?) async throws {
        try beginWrite(timeout: timeout)
        try end(await waiter.wait(), of: "write")
    }

    /// `waitUntilWritable` without the wait itself: each function that waits adds to its cost.
    func beginWrite(timeout: Duration?) throws {
        guard !isClosed else { throw TransportError.connectionClosed("write") }
        waiter.reset()
        watchWritable(timeout: timeout)
    }

    /// Waits for `duration`, unless the stream is closed here.
    func pause(for duration: Duration) async throws {
        guard !isClosed else { throw TransportError.connectionClosed("wait") }
        waiter.reset()
        pauser = waiter
        limit(to: duration)
        let wake = await waiter.wait()
        pauser = nil
        if wake == .cancelled { throw TransportError(.cancelled, call: "wait", reason: "the exchange is over") }
    }

    /// - Throws: `TransportError`, unless the wait has ended with what it was for.
    func end(_ wake: Wake, of call: StaticString) throws {
        unwatch()
        switch wake {
        case .ready: return
        case .timedOut: throw TransportError(.timedOut, call: call, reason: "nothing moved in the time allowed")
        case .cancelled: throw TransportError(.cancelled, call: call, reason: "the exchange is over")
        }
    }

    /// Frees the events. Called before the descriptor is closed.
    /// - Returns: the waiter that is still to be woken, once it is.
    func close() -> Waiter? {
        guard !isClosed else { return nil }
        isClosed = true
        event_free(readEvent)
        for event in [writeEvent, alarm] { if let event { event_free(event) } }
        let waiting = reader ?? writer ?? pauser
        (reader, writer, pauser) = (nil, nil, nil)
        return waiting
    }
}
