import CLibevent

/// Wakes a waiter when a socket is readable or writable. Owns the two libevent events of the socket. Confined to one loop.
///
/// The read event stays registered between waits and is removed only when it fires while no task waits for it: a connection of small requests then
/// never calls epoll_ctl(2), and a slow receiver costs one pair of calls a pause.
final class Readiness {
    private let loop: EventLoop
    private let readEvent: OpaquePointer
    private let writeEvent: OpaquePointer
    /// While there is a pause.
    private var pauseEvent: OpaquePointer?
    private var reader: Waiter?, writer: Waiter?, pauser: Waiter?
    /// The read event is registered, and has a timer.
    private var isRegistered = false, hasTimer = false
    private(set) var isClosed = false
    /// Where this socket's waits happen. A task that serves two sockets gives both the same one.
    var waiter = Waiter()
    /// The socket became readable while no task waited for it: a pooled idle connection is then over.
    private(set) var hasUnexpectedInput = false

    init(_ descriptor: Int32, on loop: EventLoop) {
        self.loop = loop
        // event_new fails only without memory. The events get their argument below, when there is a `self`.
        readEvent = event_new(loop.base, descriptor, 0, { _, _, _ in }, nil)
        writeEvent = event_new(loop.base, descriptor, 0, { _, _, _ in }, nil)
        let this = Unmanaged.passUnretained(self).toOpaque()
        event_assign(readEvent, loop.base, descriptor, Int16(EV_READ | EV_PERSIST), { Readiness.readable($1, $2) }, this)
        event_assign(writeEvent, loop.base, descriptor, Int16(EV_WRITE), { Readiness.writable($1, $2) }, this)
    }

    deinit { _ = close() }

    // MARK: Events

    private static func readable(_ what: Int16, _ this: UnsafeMutableRawPointer?) {
        guard let this else { return }
        let readiness = Unmanaged<Readiness>.fromOpaque(this).takeUnretainedValue()
        if let waiter = readiness.reader {
            readiness.reader = nil
            waiter.wake(what & Int16(EV_READ) != 0 ? .ready : .timedOut)
        } else if what & Int16(EV_READ) != 0 {
            event_del(readiness.readEvent)
            (readiness.isRegistered, readiness.hasTimer, readiness.hasUnexpectedInput) = (false, false, true)
        } else {
            readiness.removeTimer()
        }
    }

    private static func writable(_ what: Int16, _ this: UnsafeMutableRawPointer?) {
        guard let this else { return }
        let readiness = Unmanaged<Readiness>.fromOpaque(this).takeUnretainedValue()
        guard let waiter = readiness.writer else { return }
        readiness.writer = nil
        waiter.wake(what & Int16(EV_WRITE) != 0 ? .ready : .timedOut)
    }

    // MARK: Watching

    /// Wakes `waiter` when bytes or the stream's end have come. `timeout` nil: without limit.
    func watchReadable(timeout: Duration?) {
        guard !isClosed else { return waiter.wake(.cancelled) }
        reader = waiter
        hasUnexpectedInput = false
        if let timeout {
            (isRegistered, hasTimer) = (true, true)
            return add(readEvent, timeout)
        }
        removeTimer()
        register()
    }

    private func register() {
        guard !isRegistered else { return }
        isRegistered = true
        event_add(readEvent, nil)
    }

    private func removeTimer() {
        guard hasTimer else { return }
        hasTimer = false
        event_remove_timer(readEvent)
    }

    /// Wakes `waiter` when the socket takes bytes again. `timeout` nil: without limit.
    func watchWritable(timeout: Duration?) {
        guard !isClosed else { return waiter.wake(.cancelled) }
        writer = waiter
        guard let timeout else { return _ = event_add(writeEvent, nil) }
        add(writeEvent, timeout)
    }

    /// Watches a socket that should stay silent: sets `hasUnexpectedInput` when bytes or the stream's end come.
    func watchForClose() {
        reader = nil
        hasUnexpectedInput = false
        // The timer of the last wait may still run, which then ends nothing: the next wait is most often sooner, and sets it anew.
        register()
    }

    /// Ends what `watchReadable` and `watchWritable` began.
    func unwatch() {
        reader = nil
        if writer != nil {
            writer = nil
            event_del(writeEvent)
        }
    }

    private func add(_ event: OpaquePointer, _ timeout: Duration) {
        if let common = loop.commonTimeout(timeout) {
            event_add(event, common)
        } else {
            var interval = timeval(timeout)
            event_add(event, &interval)
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
        pauseEvent = event_new(
            loop.base, -1, 0,
            { _, _, this in
                guard let this else { return }
                let readiness = Unmanaged<Readiness>.fromOpaque(this).takeUnretainedValue()
                readiness.pauser?.wake(.timedOut)
                readiness.pauser = nil
            }, Unmanaged.passUnretained(self).toOpaque())
        var interval = timeval(duration)
        event_add(pauseEvent, &interval)
        let wake = await waiter.wait()
        endPause()
        if wake == .cancelled { throw TransportError(.cancelled, call: "wait", reason: "the exchange is over") }
    }

    private func endPause() {
        pauser = nil
        guard let pauseEvent else { return }
        event_free(pauseEvent)
        self.pauseEvent = nil
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
        event_free(writeEvent)
        let waiting = reader ?? writer ?? pauser
        (reader, writer) = (nil, nil)
        endPause()
        return waiting
    }
}
