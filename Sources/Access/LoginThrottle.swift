package import Transport

/// Failed logins of the last minute, so that passwords cannot be guessed at the speed of the network: counted for each user from each
/// client, and for each client over all users. Credentials that are being checked count as failed until they prove right: trying
/// many at once gains nothing. Credentials that proved wrong are remembered: bringing them again costs no hash and is no further
/// guess, so a client with an old password locks nobody out.
package struct LoginThrottle: Sendable {
    /// What a check came to.
    package enum Outcome: Sendable {
        case right
        case wrong(LoginFailure)
        case unchecked
    }

    package enum Permission: Sendable, Equatable {
        case check
        /// These credentials have proved wrong before, for this reason.
        case knownWrong(LoginFailure)
        /// Seconds until another try is worth it.
        case wait(Int)
    }

    private struct Failure {
        /// Of the name, which may be long.
        let user: Int
        let at: ContinuousClock.Instant
    }

    private struct Entry {
        /// The oldest first.
        var failures: [Failure] = []
        /// Tags of the credentials being checked, each with its user and how many connections wait for it.
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

    private let failuresPerMinute: Int
    private var entries: [ClientNetwork: Entry] = [:]
    /// By tag.
    private var wrong: [[UInt8]: Wrong] = [:]
    private var swept = ContinuousClock.now

    /// Clients remembered. Whoever has so many networks can guess that many times as fast; forgetting the stalest costs them most.
    private static let maxClients = 16_384
    private static let maxWrong = 16_384
    private static let window = Duration.seconds(60)
    /// A client's bound over all users, in bounds of one user.
    private static let usersAtOnce = 10

    /// - Parameter failuresPerMinute: of one user from one client; ten times as many of one client.
    package init(failuresPerMinute: Int) { self.failuresPerMinute = failuresPerMinute }

    /// A check of the credentials with this tag is to begin.
    /// - Parameter generation: of the users that they are checked against.
    package mutating func begin(
        _ client: ClientNetwork, user: [UInt8], tag: [UInt8], generation: Int, now: ContinuousClock.Instant
    ) -> Permission {
        if let known = wrong[tag], known.generation == generation { return .knownWrong(known.reason) }
        if now - swept >= Self.window { sweep(now) }
        if entries[client] == nil, entries.count >= Self.maxClients { makeRoom(now) }
        let user = user.hashValue
        var entry = entries[client] ?? Entry()
        entry.failures.removeAll { now - $0.at >= Self.window }
        // The same credentials on many connections are one try.
        if entry.underWay[tag] == nil {
            for (user, limit) in [(user, failuresPerMinute), (nil, failuresPerMinute * Self.usersAtOnce)] as [(Int?, Int)]
            where entry.tries(of: user) >= limit {
                let oldest = entry.failures.first { user == nil || $0.user == user }
                return .wait(oldest.map { max(1, Int((Self.window - (now - $0.at)).components.seconds) + 1) } ?? 1)
            }
        }
        entry.underWay[tag, default: (user, 0)].waiting += 1
        entries[client] = entry
        return .check
    }

    /// The check is over. With the last connection that waited for it, a failure counts: once.
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

    /// Whoever comes once and not again is forgotten after the window.
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
