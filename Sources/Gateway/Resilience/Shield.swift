import AWS
import Configuration
import Synchronization
import Transport

/// Bounds what all workers together ask of one registry: requests at the same time, and the rate towards each of its APIs. While nobody has to
/// wait, a request costs a few atomic operations. Past the bounds requests wait in line. Kept through reloads, since the requests are.
package final class Shield: Sendable {
    private struct Queue {
        var lines = Lines()
        var tickets: [Int: Ticket] = [:]
        var lastNumber = 0
        /// When the next timer ends that lets those go whose rate allows it.
        var timer = Int.max
    }

    /// By `RegistryAPI`.
    private let rates: [SharedRate]
    private let maxTurns = Atomic(0)
    /// Of all requests: nil, no bound.
    private let overall = Mutex<Rate?>(nil)
    private let hasOverall = Atomic(false)
    /// All that are there now, and in the upper half the large ones.
    private let turns = Atomic(0)
    /// Who waits: a bit for each API, and one each for those that wait for a turn of any kind, and for one of a large request.
    private let waiting = Atomic<UInt>(0)
    private let queue = Mutex(Queue())

    private static let anyTurn: UInt = 1 << 62, largeTurn: UInt = 1 << 63
    private static let large = 1 << 32

    /// - Parameter isPublic: of ECR Public.
    init(_ limits: UpstreamLimits, isPublic: Bool) {
        rates = RegistryAPI.allCases.map { $0.rate(limits, isPublic: isPublic) }
        use(limits)
    }

    /// Other bounds, from now on. Not other quotas: a shield keeps those that it was made with.
    func use(_ limits: UpstreamLimits) {
        maxTurns.store(limits.concurrent, ordering: .relaxed)
        overall.withLock { overall in
            guard limits.requestsPerSecond > 0 else { return overall = nil }
            var rate = Rate(quota: Double(limits.requestsPerSecond))
            rate.due = overall?.due ?? 0
            overall = rate
        }
        hasOverall.store(limits.requestsPerSecond > 0, ordering: .relaxed)
        // There may be room for those who wait.
        advance()
    }

    // MARK: Without a wait

    /// A turn, if a request may go at once. nil: it has to wait in line, perhaps only behind others: `begin` is to follow.
    func tryBegin(_ lane: Lane) -> Turn? {
        let others = lane.isUpload ? Self.anyTurn | Self.largeTurn : Self.anyTurn
        guard waiting.load(ordering: .sequentiallyConsistent) & (others | 1 << lane.api.rawValue) == 0,
            takeTurn(isLarge: lane.isUpload)
        else { return nil }
        let now = BootClock.now
        if rates[lane.api.rawValue].tryTake(at: now), takeOverall(at: now) { return Turn(at: self, isLarge: lane.isUpload) }
        // Not by `endTurn`: the request comes to wait now, and `begin` looks who may go.
        turns.wrappingSubtract(lane.isUpload ? Self.large | 1 : 1, ordering: .sequentiallyConsistent)
        return nil
    }

    /// The registry has limited a request.
    func limited(_ api: RegistryAPI) { rates[api.rawValue].limited(at: BootClock.now) }

    /// `Turn` calls it, and nobody else.
    func endTurn(isLarge: Bool) {
        turns.wrappingSubtract(isLarge ? Self.large | 1 : 1, ordering: .sequentiallyConsistent)
        // After the subtraction: whoever has come to wait before it has said so, and whoever comes after it finds the room.
        if waiting.load(ordering: .sequentiallyConsistent) & (Self.anyTurn | Self.largeTurn) != 0 { advance() }
    }

    /// Counts a request that may go now. false: it may not, and is not counted.
    private func take(_ lane: Lane, at now: Int) -> Bool {
        guard wait(lane, at: now) == 0, takeTurn(isLarge: lane.isUpload) else { return false }
        if rates[lane.api.rawValue].take(at: now) == 0, takeOverall(at: now) { return true }
        // Another worker was faster. Who has found no room meanwhile has either not come to wait yet, or is looked at again by `advance`.
        turns.wrappingSubtract(lane.isUpload ? Self.large | 1 : 1, ordering: .sequentiallyConsistent)
        return false
    }

    private func takeOverall(at now: Int) -> Bool {
        !hasOverall.load(ordering: .relaxed) || overall.withLock { $0?.take(at: now) ?? 0 } == 0
    }

    /// Nanoseconds until the rates let a request of this lane go.
    private func wait(_ lane: Lane, at now: Int) -> Int {
        let wait = rates[lane.api.rawValue].wait(at: now)
        guard hasOverall.load(ordering: .relaxed) else { return wait }
        return max(wait, overall.withLock { $0?.wait(at: now) ?? 0 })
    }

    private func takeTurn(isLarge: Bool) -> Bool {
        var seen = turns.load(ordering: .relaxed)
        while hasRoom(isLarge: isLarge, beside: seen) {
            let next = seen + (isLarge ? Self.large | 1 : 1)
            let (exchanged, original) = turns.compareExchange(
                expected: seen, desired: next, ordering: .sequentiallyConsistent)
            if exchanged { return true }
            seen = original
        }
        return false
    }

    /// Large requests leave room for small ones, which pulls begin with.
    private func hasRoom(isLarge: Bool, beside turns: Int) -> Bool {
        let bound = maxTurns.load(ordering: .relaxed)
        guard bound > 0 else { return true }
        return turns & (Self.large - 1) < bound && (!isLarge || turns >> 32 < max(1, bound - bound / 4))
    }

    // MARK: In line

    /// What came of a request that had to wait.
    enum Wait: ~Copyable {
        case turn(Turn)
        /// The wait would be, or has been, too long.
        /// - Parameter retryAfter: seconds.
        case isRejected(retryAfter: Int)
        case clientGone
    }

    /// Waits for a turn. A client that goes away gives up its place in line.
    /// - Parameters:
    ///   - user: with whom the others take turns.
    ///   - limit: of the wait, besides `Lines.maxWait`.
    func begin(_ lane: Lane, user: String, within limit: Duration, for requester: Requester) async -> Wait {
        let ticket = Ticket(requester)
        let number: Int
        switch join(ticket, lane, user) {
        case .success(let joined): number = joined
        case .failure(let rejection): return .isRejected(retryAfter: rejection.seconds)
        }
        if !advance(until: number) { await ticket.wait(for: min(limit, .nanoseconds(Lines.maxWait))) }
        // Its turn may have come at the last moment.
        switch leave(number, ticket) {
        case .hasTurn:
            let turn = Turn(at: self, isLarge: lane.isUpload)
            return ticket.isClientGone ? .clientGone : .turn(turn)
        case .displaced: return .isRejected(retryAfter: Rejection.whenFull)
        case nil: return ticket.isClientGone ? .clientGone : .isRejected(retryAfter: Rejection.whenSlow)
        }
    }

    private struct Rejection: Error {
        let seconds: Int
        static let whenFull = 10, whenSlow = 5
    }

    private func join(_ ticket: Ticket, _ lane: Lane, _ user: String) -> Result<Int, Rejection> {
        let (result, displaced) = queue.withLock { queue -> (Result<Int, Rejection>, Ticket?) in
            let number = queue.lastNumber + 1
            var displaced: Ticket?
            switch queue.lines.join(number, lane: lane.index, user: user, at: BootClock.now) {
            case .waits: break
            case .displaces(let other):
                displaced = queue.tickets.removeValue(forKey: other)
                displaced?.outcome = .displaced
            case .isRejected(let wait): return (.failure(Rejection(seconds: wait / 1_000_000_000 + 1)), nil)
            }
            queue.lastNumber = number
            queue.tickets[number] = ticket
            return (.success(number), displaced)
        }
        displaced?.settle()
        return result
    }

    /// - Returns: how its wait ended before; nil: it has waited until now.
    private func leave(_ number: Int, _ ticket: Ticket) -> Ticket.Outcome? {
        let outcome = queue.withLock { queue in
            queue.tickets[number] = nil
            queue.lines.leave(number)
            return ticket.outcome
        }
        if outcome == nil { advance() }
        return outcome
    }

    /// Lets those go whose turn it is.
    /// - Returns: whether that one is among them; it is not settled then.
    @discardableResult
    private func advance(until number: Int? = nil) -> Bool {
        var (going, isAmongThem) = ([Ticket](), false)
        let timer = queue.withLock { queue -> (loop: EventLoop, due: Int, now: Int)? in
            while true {
                let now = BootClock.now
                while let next = queue.lines.next(at: now, take: { take(Lane(index: $0), at: now) }) {
                    guard let ticket = queue.tickets.removeValue(forKey: next) else { continue }
                    ticket.outcome = .hasTurn
                    if next == number { isAmongThem = true } else { going.append(ticket) }
                }
                let (bits, soonest) = whoWaits(in: queue.lines, at: now)
                waiting.store(bits, ordering: .sequentiallyConsistent)
                // Said before it is looked again: a turn that ends from now on comes here.
                guard !mayAnyGo(queue.lines, at: now) else { continue }
                guard soonest < queue.timer, let loop = queue.tickets.first?.value.loop else { return nil }
                queue.timer = soonest
                return (loop, soonest, now)
            }
        }
        for ticket in going { ticket.settle() }
        if let (loop, due, now) = timer {
            loop.execute { loop.after(.nanoseconds(due - now)) { self.timerEnded(due) } }
        }
        return isAmongThem
    }

    private func timerEnded(_ due: Int) {
        queue.withLock { if $0.timer == due { $0.timer = .max } }
        advance()
    }

    /// - Returns: the bits of `waiting`, and when a rate lets the next one go.
    private func whoWaits(in lines: Lines, at now: Int) -> (bits: UInt, soonest: Int) {
        var (bits, soonest) = (UInt(0), Int.max)
        let turns = turns.load(ordering: .sequentiallyConsistent)
        for index in 0..<Lane.count where !lines.isEmpty(index) {
            let lane = Lane(index: index)
            bits |= 1 << lane.api.rawValue
            if hasRoom(isLarge: lane.isUpload, beside: turns) {
                soonest = min(soonest, now + wait(lane, at: now))
            } else {
                bits |= hasRoom(isLarge: false, beside: turns) ? Self.largeTurn : Self.anyTurn
            }
        }
        return (bits, soonest)
    }

    private func mayAnyGo(_ lines: Lines, at now: Int) -> Bool {
        let turns = turns.load(ordering: .sequentiallyConsistent)
        return (0..<Lane.count).contains { index in
            let lane = Lane(index: index)
            return !lines.isEmpty(index) && hasRoom(isLarge: lane.isUpload, beside: turns) && wait(lane, at: now) == 0
        }
    }
}
