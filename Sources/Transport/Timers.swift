import CLibevent

extension EventLoop {
    /// Runs `work` on the loop's thread in a while. On the loop's thread only.
    package func after(_ delay: Duration, _ work: @escaping @Sendable () -> Void) {
        var interval = timeval(delay)
        let box = Unmanaged.passRetained(Work(work)).toOpaque()
        event_base_once(
            base, -1, Int16(EV_TIMEOUT),
            { _, _, box in
                guard let box else { return }
                Unmanaged<Work>.fromOpaque(box).takeRetainedValue().run()
            }, box, &interval)
    }

    /// Waits on the loop's own timers. On the loop's thread only; a little later than asked when the loop is busy.
    package func sleep(for duration: Duration) async {
        await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
            after(duration) { continuation.resume() }
        }
    }
}

private final class Work: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}
