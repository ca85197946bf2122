package import Transport

/// Limits failed logins, so that passwords cannot be guessed quickly: per minute, for each user from each client, and for each client over all
/// users. Credentials that are being verified count as failed until they prove right, so sending many at once gains nothing. Wrong
/// credentials are remembered: sending them again costs no hash and does not count, so a client with an old password does not lock out others
/// at its address.
package struct LoginThrottle: Sendable {
    /// The result of verifying credentials.
    package enum Outcome: Sendable {
        case right
        case wrong(LoginFailure)
        /// They were not verified, since the verifier was busy.
        case unchecked
    }

    /// Whether credentials may be verified.
    package enum Permission: Sendable, Equatable {
        case check
        /// They were verified before and are wrong, for this reason.
        case knownWrong(LoginFailure)
        /// Too many logins failed; the seconds until another may be verified.
        case wait(Int)
    }

    private struct Failure {
        /// The name's hash value, since the name may be long.
        let user: Int
        let at: ContinuousClock.Instant
    }

    private struct Entry {
        /// Oldest first.
        var failures: [Failure] = []
        /// Credentials being verified, by tag: their user, and the number of connections that wait for the result.
        var underWay: [[UInt8]: (user: Int, waiting: Int)] = [:]

        func tries(of user: Int?) -> Int {
            guard let user else { return failures.count + underWay.count }
            return failures.count { $0.user == user } + underWay.values.count { $0.user == user }
        }
    }

    private struct Wrong {
        let reason: LoginFailure
        let generation: Int
        let at: ContinuousClock.Instant
    }

    /// Of one user from one client; for all users of a client ten times as many.
    package var failuresPerMinute: Int
    private var entries: [ClientNetwork: Entry] = [:]
    /// By tag, a keyed hash of the credentials.
    private var wrong: [[UInt8]: Wrong] = [:]
    private var swept = ContinuousClock.now

    /// Clients remembered; beyond this the least recent are forgotten. An attacker with this many networks gains little from it.
    private static let maxClients = 16_384
    private static let maxWrong = 16_384
    private static let window = Duration.seconds(60)
    /// A client's limit over all users, as a multiple of the limit for one user.
    private static let clientFactor = 10

    /// - Parameter failuresPerMinute: of one user from one client; for all users of a client ten times as many.
    package init(failuresPerMinute: Int) { self.failuresPerMinute = failuresPerMinute }

    /// Asks whether credentials may be verified. After `check`, call `end`.
    /// - Parameters:
    ///   - tag: a keyed hash of the credentials.
    ///   - generation: of the user directory.
    package mutating func begin(
        _ client: ClientNetwork, user: [UInt8], tag: [UInt8], generation: Int, now: ContinuousClock.Instant
    ) -> Permission {
        if let known = wrong[tag], known.generation == generation { return .knownWrong(known.reason) }
        if now - swept >= Self.window { sweep(now) }
        if entries[client] == nil, entries.count >= Self.maxClients { makeRoom(now) }
        let user = user.hashValue
        var entry = entries[client] ?? Entry()
        entry.failures.removeAll { now - $0.at >= Self.window }
        // The same credentials on many connections count once.
        if entry.underWay[tag] == nil {
            for (user, limit) in [(user, failuresPerMinute), (nil, failuresPerMinute * Self.clientFactor)] as [(Int?, Int)]
            where entry.tries(of: user) >= limit {
                let oldest = entry.failures.first { user == nil || $0.user == user }
                return .wait(oldest.map { max(1, Int((Self.window - (now - $0.at)).components.seconds) + 1) } ?? 1)
            }
        }
        entry.underWay[tag, default: (user, 0)].waiting += 1
        entries[client] = entry
        return .check
    }

    /// Records the result. A failure counts once, when the last of the connections that waited for it calls this.
    package mutating func end(
        _ client: ClientNetwork, tag: [UInt8], _ outcome: Outcome, generation: Int, now: ContinuousClock.Instant
    ) {
        if case .wrong(let reason) = outcome { remember(tag, Wrong(reason: reason, generation: generation, at: now)) }
        guard var entry = entries[client], let (user, waiting) = entry.underWay[tag] else { return }
        entry.underWay[tag] = waiting > 1 ? (user, waiting - 1) : nil
        if case .wrong = outcome, waiting == 1 { entry.failures.append(Failure(user: user, at: now)) }
        entries[client] = entry.failures.isEmpty && entry.underWay.isEmpty ? nil : entry
    }

    private mutating func remember(_ tag: [UInt8], _ failure: Wrong) {
        if wrong.count >= Self.maxWrong {
            for (tag, _) in wrong.sorted(by: { $0.value.at < $1.value.at }).prefix(Self.maxWrong / 2) { wrong[tag] = nil }
        }
        wrong[tag] = failure
    }

    /// Forgets clients without failures in the last minute.
    private mutating func sweep(_ now: ContinuousClock.Instant) {
        swept = now
        entries = entries.filter { !$0.value.underWay.isEmpty || now - ($0.value.failures.last?.at ?? now) < Self.window }
    }

    private mutating func makeRoom(_ now: ContinuousClock.Instant) {
        sweep(now)
        guard entries.count >= Self.maxClients else { return }
        let idle = entries.filter { $0.value.underWay.isEmpty }
        let stalest = idle.sorted { ($0.value.failures.last?.at ?? now) < ($1.value.failures.last?.at ?? now) }
        for (client, _) in stalest.prefix(Self.maxClients / 2) { entries[client] = nil }
    }
}
