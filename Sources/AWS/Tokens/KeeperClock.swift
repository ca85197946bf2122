package import FoundationEssentials

/// The time and the dice of a keeper, so that tests live days in milliseconds.
package struct KeeperClock: Sendable {
    package static let system = KeeperClock(
        now: { Date() }, sleep: { try await Task.sleep(for: $0) }, random: { .random(in: 0..<1) })

    static let longestNap: TimeInterval = 300  // seconds: a clock that was set forward is noticed within it

    var now: @Sendable () -> Date
    /// Throws when cancelled.
    var sleep: @Sendable (Duration) async throws -> Void
    /// 0..<1
    var random: @Sendable () -> Double

    package init(
        now: @escaping @Sendable () -> Date, sleep: @escaping @Sendable (Duration) async throws -> Void,
        random: @escaping @Sendable () -> Double
    ) {
        self.now = now
        self.sleep = sleep
        self.random = random
    }
}
