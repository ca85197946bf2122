/// Failed logins of each client address in the last minute, so that passwords cannot be guessed at the speed of the network.
public struct LoginThrottle: Sendable {
    private let failuresPerMinute: Int
    private var failures: [[UInt8]: [ContinuousClock.Instant]] = [:]

    /// Addresses remembered. Who has so many can guess that many times as fast; forgetting the stalest costs them most.
    private static let addressesAtMost = 16_384
    private static let window = Duration.seconds(60)

    public init(failuresPerMinute: Int) { self.failuresPerMinute = failuresPerMinute }

    public mutating func failed(_ address: [UInt8], now: ContinuousClock.Instant) {
        if failures[address] == nil, failures.count >= Self.addressesAtMost { makeRoom(now) }
        var recent = (failures[address] ?? []).filter { now - $0 < Self.window }
        recent.append(now)
        failures[address] = Array(recent.suffix(failuresPerMinute))
    }

    /// Seconds until the address may try again; nil: now.
    public func retryAfter(_ address: [UInt8], now: ContinuousClock.Instant) -> Int? {
        guard let recent = failures[address]?.filter({ now - $0 < Self.window }), recent.count >= failuresPerMinute,
            let oldest = recent.first
        else { return nil }
        return max(1, Int((Self.window - (now - oldest)).components.seconds) + 1)
    }

    private mutating func makeRoom(_ now: ContinuousClock.Instant) {
        failures = failures.filter { now - ($0.value.last ?? now) < Self.window }
        guard failures.count >= Self.addressesAtMost else { return }
        let stalest = failures.sorted { ($0.value.last ?? now) < ($1.value.last ?? now) }.prefix(Self.addressesAtMost / 2)
        for (address, _) in stalest { failures[address] = nil }
    }
}
