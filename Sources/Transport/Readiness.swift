import CLibevent

/// Wakes a waiter when a socket is readable or writable. Owns the libevent events of the socket. Confined to one loop.
///
/// The read event stays registered between waits and is removed only when it fires while no task waits for it: a connection of small requests then
/// never calls epoll_ctl(2), and a slow receiver costs one pair of calls a pause. Nor does a wait set a timer: it notes when it is to end, and the timer
/// of a wait before it, which still runs, looks at that.
final class Readiness {
    private let loop: EventLoop
    private let readEvent: OpaquePointer
    /// Once the socket was full.
    private var writeEvent: OpaquePointer?
    /// A timer, once there was a wait with a limit.
    private var alarm: OpaquePointer?
    /// When it rings; `.max`: it does not run.
    private var alarmTime = Int.max
    /// When the wait of `reader` or `pauser` ends; `.max`: without limit.
    private var deadline = Int.max
    /// The last limit, also in nanoseconds: the next one is the same, most often.
    private var lastTimeout = Duration.zero, lastNanoseconds = 0
    private var reader: Waiter?, writer: Waiter?, pauser: Waiter?
    private var isRegistered = false
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

    private static func writable(_ what: Int16, _ this: UnsafeMutableRawPointer?) {
        guard let this else { return }
        let readiness = Unmanaged<Readiness>.fromOpaque(this).takeUnretainedValue()
        guard let waiter = readiness.writer else { return }
        readiness.writer = nil
        waiter.wake(what & Int16(EV_WRITE) != 0 ? .ready : .timedOut)
    }

    private static func ring(_ this: UnsafeMutableRawPointer?) {
        guard let this else { return }
        let readiness = Unmanaged<Readiness>.fromOpaque(this).takeUnretainedValue()
        readiness.alarmTime = .max
        guard let waiter = readiness.reader ?? readiness.pauser, readiness.deadline < .max else { return }
        let now = BootClock.now
        guard now >= readiness.deadline else { return readiness.setAlarm(at: now) }
        (readiness.reader, readiness.pauser) = (nil, nil)
        waiter.wake(.timedOut)
    }

    // MARK: The time of a wait

    private func limit(to timeout: Duration) {
        if timeout != lastTimeout { (lastTimeout, lastNanoseconds) = (timeout, BootClock.nanoseconds(of: timeout)) }
        let now = BootClock.now
        deadline = now + lastNanoseconds
        // One that is due already may still be late: it does not run while the machine sleeps.
        if deadline < alarmTime || alarmTime <= now { setAlarm(at: now) }
    }

    private func setAlarm(at now: Int) {
        if alarm == nil { alarm = event_new(loop.base, -1, 0, { Readiness.ring($2) }, this) }
        alarmTime = deadline
        var interval = timeval(.nanoseconds(deadline - now))
        event_add(alarm, &interval)
    }

    // MARK: Watching

    /// Wakes `waiter` when bytes or the stream's end have come. `timeout` nil: without limit.
    func watchReadable(timeout: Duration?) {
        guard !isClosed else { return waiter.wake(.cancelled) }
        reader = waiter
        hasUnexpectedInput = false
        register()
        if let timeout { limit(to: timeout) } else { deadline = .max }
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
        if writeEvent == nil {
            writeEvent = event_new(loop.base, event_get_fd(readEvent), Int16(EV_WRITE), { Readiness.writable($1, $2) }, this)
        }
        guard let timeout else { return _ = event_add(writeEvent, nil) }
        var interval = timeval(timeout)
        event_add(writeEvent, &interval)
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
        if writer != nil {
            writer = nil
            if let writeEvent { event_del(writeEvent) }
        }
    }

    // MARK: Waiting

    func waitUntilReadable(timeout: Duration?) async throws {
        guard !isClosed else { throw TransportError.connectionClosed("read") }
        waiter.reset()
        watchReadable(timeout: timeout)
        try end(await waiter.wait(), of: "read")
    }

    func waitUntilWritable(timeout: Duration?) async throws {
        guard !isClosed else { throw TransportError.connectionClosed("write") }
        waiter.reset()
        watchWritable(timeout: timeout)
        try end(await waiter.wait(), of: "write")
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

    private func end(_ wake: Wake, of call: StaticString) throws {
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
