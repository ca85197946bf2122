import Transport

/// Calls `tick` at an interval, on a thread that does nothing else: it must not wait for the disk. Ends with the last reference to this.
final class Ticker: Sendable {
    private let end = Semaphore()

    /// - Parameters:
    ///   - interval: milliseconds.
    ///   - tick: returns at once when its owner has gone.
    /// - Returns: nil: there is no thread.
    init?(named name: String, interval: Int, tick: @escaping @Sendable () -> Void) {
        let end = end
        guard startThread(named: name, { while !end.wait(milliseconds: interval) { tick() } }) else { return nil }
    }

    deinit { end.post() }
}
