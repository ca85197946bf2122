import Transport

/// Calls a function at an interval, on a thread that does nothing else. Ends with the last reference to this.
final class Ticker: Sendable {
    private let end = Semaphore()

    /// - Parameters:
    ///   - interval: milliseconds.
    ///   - tick: must not wait for the disk, nor keep its owner alive.
    /// - Returns: false: there is no thread.
    func start(named name: String, interval: Int, tick: @escaping @Sendable () -> Void) -> Bool {
        let end = end
        return startThread(named: name) { while !end.wait(milliseconds: interval) { tick() } }
    }

    deinit { end.post() }
}
