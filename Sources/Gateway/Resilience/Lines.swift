/// Requests that wait for their turn at an upstream. Decides who is next: users take turns, so that nobody's many requests delay another's few;
/// of one user's, small ones go before large ones, and neither waits for ever. A pure value: times are nanoseconds of a clock that only goes
/// forward.
struct Lines {
    /// Those of one lane.
    private struct Line {
        /// The users with something waiting. The first one is next.
        var users: [String] = []
        /// Their requests, by number.
        var waiting: [String: [Int]] = [:]
        var count = 0
        /// How often another lane was preferred since this one's last turn.
        var passedOver = 0
        /// When this line last moved, or began.
        var moved = 0
        var pace = Pace(at: 0)

        /// The first request comes.
        mutating func begin(at now: Int) {
            (moved, pace, passedOver) = (now, Pace(at: now), 0)
        }

        /// A turn is taken.
        mutating func move(at now: Int) {
            // The line stood still: its turns before say nothing of those after.
            if now - moved >= Lines.maxWait / 2 { pace = Pace(at: now) }
            pace.count(at: now)
            (moved, passedOver) = (now, 0)
        }
    }

    /// How fast a line moves: its turns of ten to twenty seconds, as a rule. So nobody is sent away for it before somebody may have waited in vain.
    ///
    /// Turns come in clumps: as many as there may be at a time can end in the same moment, with nothing before and after. Over a shorter time a lone
    /// turn or a part of a clump would be taken for the pace.
    private struct Pace {
        private var latest: (began: Int, turns: Int)
        private var earlier: (began: Int, turns: Int)?

        /// - Parameter now: when the line begins.
        init(at now: Int) { latest = (now, 0) }

        /// A turn is taken.
        mutating func count(at now: Int) {
            if now - latest.began >= Lines.maxWait { (earlier, latest) = (latest, (now, 0)) }
            latest.turns += 1
        }

        /// Nanoseconds between two turns, on average, at most `Lines.maxWait`; nil: not known yet.
        /// - Parameter now: the time of the last turn: what has not moved since may move at once.
        func interval(at now: Int) -> Int? {
            let time = now - (earlier ?? latest).began, turns = (earlier?.turns ?? 0) + latest.turns
            return time >= Lines.maxWait && turns > 0 ? min(time / turns, Lines.maxWait) : nil
        }
    }

    /// What becomes of a request that comes.
    enum Arrival: Equatable {
        case waits
        /// The same, in the place of the newest request of the user who has most waiting.
        case displaces(Int)
        /// It would wait for too long.
        /// - Parameter retryAfter: nanoseconds until that may be different.
        case isRejected(retryAfter: Int)
    }

    private var lines = [Line](repeating: Line(), count: Lane.count)
    private var places: [Int: (lane: Int, user: String)] = [:]
    /// How many requests of each user wait.
    private var waiting: [String: Int] = [:]
    /// Of each user with something waiting: the number of the last turn.
    private var turns: [String: Int] = [:]
    private var turn = 0

    /// All that wait: a burst of a large cluster under one login. The memory of one is its connection, which is bounded elsewhere.
    static let maxCount = 16384
    /// Nanoseconds that a request waits at most.
    static let maxWait = 10_000_000_000
    /// After this many turns of others a lane has the next one.
    static let maxPassedOver = 4
    /// Nanoseconds. A client is not sent away for longer, whatever the line looks like.
    private static let maxRetryAfter = 30_000_000_000

    var count: Int { places.count }
    func isEmpty(_ lane: Int) -> Bool { lines[lane].count == 0 }

    // MARK: Coming and going

    /// A request comes.
    /// - Parameter number: names it from now on.
    mutating func join(_ number: Int, lane: Int, user: String, at now: Int) -> Arrival {
        let wait = expectedWait(lane: lane, user: user, at: now)
        guard wait <= Self.maxWait else { return .isRejected(retryAfter: min(wait, Self.maxRetryAfter)) }
        var displaced: Int?
        if places.count >= Self.maxCount {
            guard let number = newest(ofMoreThan: waiting[user, default: 0] + 1) else {
                return .isRejected(retryAfter: Self.maxWait)
            }
            leave(number)
            displaced = number
        }
        if lines[lane].count == 0 { lines[lane].begin(at: now) }
        if lines[lane].waiting[user] == nil { lines[lane].users.append(user) }
        lines[lane].waiting[user, default: []].append(number)
        lines[lane].count += 1
        waiting[user, default: 0] += 1
        places[number] = (lane, user)
        return displaced.map { .displaces($0) } ?? .waits
    }

    /// A request no longer waits. false: it did not.
    @discardableResult
    mutating func leave(_ number: Int) -> Bool {
        guard let (lane, user) = places.removeValue(forKey: number) else { return false }
        lines[lane].waiting[user]?.removeAll { $0 == number }
        lines[lane].count -= 1
        if lines[lane].waiting[user]?.isEmpty == true {
            lines[lane].waiting[user] = nil
            lines[lane].users.removeAll { $0 == user }
        }
        forget(user)
        return true
    }

    /// Whose turn it is; nil: nobody's.
    /// - Parameter take: whether a request of this lane may go now. If so, it has gone.
    mutating func next(at now: Int, take: (Int) -> Bool) -> Int? {
        for lane in order() where take(lane) {
            let user = lines[lane].users.removeFirst()
            guard let number = lines[lane].waiting[user]?.removeFirst() else { continue }
            if lines[lane].waiting[user]?.isEmpty == true {
                lines[lane].waiting[user] = nil
            } else {
                lines[lane].users.append(user)
            }
            lines[lane].count -= 1
            lines[lane].move(at: now)
            for other in lines.indices where other != lane && lines[other].count > 0 { lines[other].passedOver += 1 }
            places[number] = nil
            turn += 1
            turns[user] = turn
            forget(user)
            return number
        }
        return nil
    }

    // MARK: Order

    /// The lanes with something waiting, by who is first in each: one that was passed over for long; then the user whose last turn is longest
    /// ago; then small before large.
    private func order() -> [Int] {
        func rank(_ lane: Int) -> (Int, Int, Int) {
            let line = lines[lane]
            let isOverdue = line.passedOver >= Self.maxPassedOver
            return (isOverdue ? -line.passedOver : 0, line.users.first.flatMap { turns[$0] } ?? 0, lane)
        }
        let lanes = lines.indices.filter { lines[$0].count > 0 }
        return lanes.count < 2 ? lanes : lanes.sorted { rank($0) < rank($1) }
    }

    /// One request of a user less waits.
    private mutating func forget(_ user: String) {
        let left = waiting[user, default: 1] - 1
        waiting[user] = left > 0 ? left : nil
        if left <= 0 { turns[user] = nil }
    }

    /// As the line has moved lately. One that stands still is expected to do so for as long again.
    private func expectedWait(lane: Int, user: String, at now: Int) -> Int {
        let line = lines[lane]
        guard line.count > 0 else { return 0 }
        guard let interval = line.pace.interval(at: line.moved) else { return now - line.moved }
        let ahead = line.waiting[user]?.count ?? 0
        let others = line.users.reduce(0) { $0 + ($1 == user ? 0 : min(ahead + 1, line.waiting[$1]?.count ?? 0)) }
        return max(interval * (ahead + others + 1), now - line.moved)
    }

    /// The newest request of the user who has most waiting.
    private func newest(ofMoreThan count: Int) -> Int? {
        guard let most = waiting.max(by: { ($0.value, $1.key) < ($1.value, $0.key) }), most.value > count else { return nil }
        return lines.compactMap { $0.waiting[most.key]?.last }.max()
    }
}
