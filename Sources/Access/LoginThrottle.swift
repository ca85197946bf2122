/// Failed logins of each client address in the last minute, so that passwords cannot be guessed at the speed of the network.
/// Credentials that are being checked count as failed until they prove right: trying many at once gains nothing. Those that proved
/// right lately are never held back, whoever else guesses from the same address.
public struct LoginThrottle: Sendable {
    /// What a check came to.
    public enum Outcome: Sendable { case right, wrong, unchecked }

    private struct Entry {
        var failures: [ContinuousClock.Instant] = []
        /// Tags of the credentials being checked, each with how many connections wait for it.
        var underWay: [[UInt8]: Int] = [:]
    }

    private let failuresPerMinute: Int
    private var entries: [[UInt8]: Entry] = [:]
    /// Tags of credentials that proved right, and until when that counts.
    private var proven: [[UInt8]: ContinuousClock.Instant] = [:]

    /// Addresses remembered. Who has so many can guess that many times as fast; forgetting the stalest costs them most.
    private static let addressesAtMost = 16_384
    /// Credentials in use at once; a site has dozens.
    private static let provenAtMost = 4096
    private static let window = Duration.seconds(60)
    private static let provenTime = Duration.seconds(3600)

    public init(failuresPerMinute: Int) { self.failuresPerMinute = failuresPerMinute }

    /// What an address is counted by: a client of IPv6 has a network of 64 bits to itself.
    public static func key(of address: some Collection<UInt8>) -> [UInt8] {
        Array(address.count == 16 ? address.prefix(8) : address.prefix(4))
    }

    /// A check of the credentials with this tag is to begin. nil: it may. Otherwise seconds until another try is worth it.
    public mutating func begin(_ address: [UInt8], tag: [UInt8], now: ContinuousClock.Instant) -> Int? {
        if let until = proven[tag], until > now { return nil }
        if entries[address] == nil, entries.count >= Self.addressesAtMost { makeRoom(now) }
        var entry = entries[address] ?? Entry()
        entry.failures.removeAll { now - $0 >= Self.window }
        // The same credentials on many connections are one try.
        if entry.underWay[tag] == nil, entry.failures.count + entry.underWay.count >= failuresPerMinute {
            guard let oldest = entry.failures.first else { return 1 }
            return max(1, Int((Self.window - (now - oldest)).components.seconds) + 1)
        }
        entry.underWay[tag, default: 0] += 1
        entries[address] = entry
        return nil
    }

    /// The check is over. With the last connection that waited for it, a failure counts: once.
    public mutating func end(_ address: [UInt8], tag: [UInt8], _ outcome: Outcome, now: ContinuousClock.Instant) {
        switch outcome {
        case .right: prove(tag, now)
        case .wrong: proven[tag] = nil
        case .unchecked: break
        }
        guard var entry = entries[address], let waiting = entry.underWay[tag] else { return }
        entry.underWay[tag] = waiting > 1 ? waiting - 1 : nil
        if outcome == .wrong, waiting == 1 { entry.failures = Array((entry.failures + [now]).suffix(failuresPerMinute)) }
        entries[address] = entry.failures.isEmpty && entry.underWay.isEmpty ? nil : entry
    }

    private mutating func prove(_ tag: [UInt8], _ now: ContinuousClock.Instant) {
        if proven.count >= Self.provenAtMost { proven = proven.filter { $0.value > now } }
        if proven.count >= Self.provenAtMost { proven.removeAll(keepingCapacity: true) }
        proven[tag] = now + Self.provenTime
    }

    private mutating func makeRoom(_ now: ContinuousClock.Instant) {
        entries = entries.filter { !$0.value.underWay.isEmpty || now - ($0.value.failures.last ?? now) < Self.window }
        guard entries.count >= Self.addressesAtMost else { return }
        let idle = entries.filter { $0.value.underWay.isEmpty }
        let stalest = idle.sorted { ($0.value.failures.last ?? now) < ($1.value.failures.last ?? now) }.prefix(
            Self.addressesAtMost / 2)
        for (address, _) in stalest { entries[address] = nil }
    }
}
