package import FoundationEssentials

/// A keeper's clock and random numbers, so that tests can simulate days in milliseconds.
package struct KeeperClock: Sendable {
    /// The machine's clock.
    package static let system = KeeperClock(
        now: { Date() }, sleep: { try await Task.sleep(for: $0) }, random: { .random(in: 0..<1) })

    /// Seconds. A clock that was set forward is noticed within this time.
    static let maxSleep: TimeInterval = 300

    var now: @Sendable () -> Date
    /// Throws when cancelled.
    var sleep: @Sendable (Duration) async throws -> Void
    /// A number in 0..<1.
    var random: @Sendable () -> Double

    /// - Parameters:
    ///   - sleep: throws when cancelled.
    ///   - random: a number in 0..<1.
    package init(
        now: @escaping @Sendable () -> Date, sleep: @escaping @Sendable (Duration) async throws -> Void,
        random: @escaping @Sendable () -> Double
    ) {
        self.now = now
        self.sleep = sleep
        self.random = random
    }
}
