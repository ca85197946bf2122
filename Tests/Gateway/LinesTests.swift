import TestSupport
import Testing

@testable import Gateway

struct LinesTests {
    private static let small = Lane(.batchGetImage, isLarge: false).index
    private static let large = Lane(.uploadLayerPart, isLarge: true).index
    private static let put = Lane(.putImage, isLarge: false).index
    private static let second = 1_000_000_000

    /// Lines with these requests, which all come at once.
    private static func lines(_ requests: [(number: Int, lane: Int, user: String)]) -> Lines {
        var lines = Lines()
        for (number, lane, user) in requests { #expect(lines.join(number, lane: lane, user: user, at: 0) == .waits) }
        return lines
    }

    /// Whose turn it is until nobody waits, or nobody may go.
    private static func turns(_ lines: inout Lines, where take: (Int) -> Bool = { _ in true }) -> [Int] {
        var turns: [Int] = []
        while let next = lines.next(at: 0, take: take) { turns.append(next) }
        return turns
    }

    @Test func `users take turns, however many requests one of them has`() {
        var lines = Self.lines((0..<300).map { ($0, Self.small, "a") } + [(300, Self.small, "b"), (301, Self.small, "c")])
        let turns = Self.turns(&lines)
        #expect(turns.prefix(4) == [0, 300, 301, 1])
        #expect(turns.count == 302 && lines.count == 0 && lines.isEmpty(Self.small))
    }

    @Test func `of one user's requests small ones go first, and large ones are not passed over for ever`() {
        var lines = Self.lines([(0, Self.large, "a"), (1, Self.large, "a")] + (2..<20).map { ($0, Self.small, "a") })
        let turns = Self.turns(&lines)
        #expect(turns.prefix(Lines.maxPassedOver) == [2, 3, 4, 5])
        #expect(turns.firstIndex(of: 0) == Lines.maxPassedOver)
    }

    @Test func `another user's large request goes before the many small ones of a user who has just had turns`() {
        var lines = Self.lines((0..<9).map { ($0, Self.small, "a") } + [(9, Self.large, "b")])
        let turns = Self.turns(&lines)
        #expect(turns.prefix(2) == [0, 9])
    }

    @Test func `a lane that may not go is passed over, and has its turn as soon as it may`() {
        var lines = Self.lines([(0, Self.put, "a"), (1, Self.small, "b"), (2, Self.small, "b")])
        let turns = Self.turns(&lines) { $0 != Self.put }
        #expect(turns == [1, 2])
        #expect(lines.next(at: 0) { $0 != Self.put } == nil)
        #expect(lines.next(at: 0) { _ in true } == 0)
    }

    @Test func `a request that leaves frees its place`() {
        var lines = Self.lines([(0, Self.small, "a"), (1, Self.small, "a"), (2, Self.small, "b")])
        #expect(lines.leave(0) == true)
        #expect(lines.leave(0) == false)
        #expect(lines.leave(2) == true)
        let turns = Self.turns(&lines)
        #expect(turns == [1])
        #expect(lines.leave(1) == false)
    }

    @Test func `a full line takes the newest request of the user who has most, and a further one of that user not at all`() {
        var lines = Self.lines((0..<Lines.maxCount).map { ($0, Self.small, $0 % 4 == 0 ? "b" : "a") })
        #expect(lines.join(50_000, lane: Self.small, user: "a", at: 0) == .isRejected(retryAfter: Lines.maxWait))
        #expect(lines.join(50_001, lane: Self.large, user: "c", at: 0) == .displaces(Lines.maxCount - 1))
        #expect(lines.count == Lines.maxCount)
    }

    @Test func `a request that would wait for too long is sent away at once, and one of another user is not`() {
        var lines = Self.lines((0..<50).map { ($0, Self.small, "a") })
        for number in 1...10 { #expect(lines.next(at: number * Self.second) { _ in true } != nil) }
        let arrival = lines.join(50, lane: Self.small, user: "a", at: 10 * Self.second)
        guard case .isRejected(let retryAfter) = arrival else {
            Issue.record("\(arrival)")
            return
        }
        #expect((Lines.maxWait...30 * Self.second).contains(retryAfter))
        #expect(lines.join(51, lane: Self.small, user: "b", at: 10 * Self.second) == .waits)
        #expect(lines.join(52, lane: Self.large, user: "a", at: 10 * Self.second) == .waits, "another lane")
    }

    /// Nanoseconds at which turns are taken, by how they come, and how many requests wait at each of them.
    private static let movements: [(what: String, turns: [Int], waiting: Int)] = [
        ("a late first turn", [second / 2] + (0..<300).map { second * 3 + $0 }, 200),
        ("clumps", (1...16).flatMap { clump in (0..<256).map { clump * 3 * second + $0 } }, 600),
        ("slow clumps", (1...16).flatMap { clump in (0..<256).map { clump * 5 * second + $0 } }, 256),
        ("a lone turn before clumps", [second / 2] + (1...16).flatMap { clump in (0..<256).map { clump * 3 * second + $0 } }, 600),
        ("a stall", (0..<1000).map { $0 * second / 100 } + (1800..<4000).map { $0 * second / 100 }, 150),
        ("a stall at once", (800..<4000).map { $0 * second / 100 }, 700),
    ]

    @Test(arguments: movements.indices)
    func `a request that will have its turn in time waits, however the turns come`(movement: Int) {
        let (what, turns, waiting) = Self.movements[movement]
        var lines = Self.lines((0..<waiting).map { ($0, Self.small, "a") })
        for (turn, time) in turns.enumerated() {
            #expect(lines.next(at: time) { _ in true } != nil)
            let arrival = lines.join(waiting + turn, lane: Self.small, user: "a", at: time)
            #expect(arrival == .waits, "\(what): turn \(turn)")
            if turn + waiting < turns.count { #expect(turns[turn + waiting] - time <= Lines.maxWait, "it has its turn") }
        }
    }

    @Test func `the time since the last turn does not make a line slower, since many may go next`() {
        let clump = 256, period = 49 * Self.second / 10
        var lines = Self.lines((0..<500).map { ($0, Self.small, "a") })
        for time in stride(from: period, to: 12 * period, by: period) {
            for turn in 0..<clump { #expect(lines.next(at: time + turn) { _ in true } != nil) }
            for turn in 0..<clump {
                #expect(lines.join(time + turn, lane: Self.small, user: "a", at: time + period / 2) == .waits)
            }
        }
    }

    /// What becomes of requests in a line where `waiting` wait, in hundredths of a second.
    private static func outcome(
        waiting: Int, of ticks: Int, joins: (Int) -> Bool, turns: (Int) -> Bool
    ) -> (rejected: Int, inVain: Int) {
        var lines = Self.lines((0..<waiting).map { ($0, Self.small, "a") })
        var joined = Dictionary(uniqueKeysWithValues: (0..<waiting).map { ($0, 0) }), rejected = 0, inVain = 0
        for tick in 0..<ticks {
            let now = tick * Self.second / 100
            for (number, since) in joined where now - since > Lines.maxWait {
                lines.leave(number)
                joined[number] = nil
                inVain += 1
            }
            if turns(tick), let next = lines.next(at: now, take: { _ in true }) { joined[next] = nil }
            guard joins(tick) else { continue }
            let arrival = lines.join(waiting + tick, lane: Self.small, user: "a", at: now)
            if arrival == .waits { joined[waiting + tick] = now } else { rejected += 1 }
        }
        return (rejected, inVain)
    }

    @Test func `in a lasting overload those who would wait in vain are sent away at once`() {
        // Fifteen requests a second, and ten turns.
        let (rejected, inVain) = Self.outcome(waiting: 0, of: 6000, joins: { $0 % 20 < 3 }, turns: { $0 % 10 == 0 })
        #expect((170..<220).contains(rejected) && inVain < 20, "\(rejected) rejected, \(inVain) in vain")
    }

    @Test func `a line that becomes slower sends more away`() {
        // As many requests as turns; then half the turns.
        let (rejected, inVain) = Self.outcome(
            waiting: 50, of: 12000, joins: { $0 < 6000 || $0 % 10 == 0 }, turns: { $0 < 6000 || $0 % 20 == 0 })
        #expect(rejected > 150 && inVain < rejected / 2, "\(rejected) rejected, \(inVain) in vain")
    }

    @Test func `a line that stands still takes nobody any more`() {
        var lines = Self.lines([(0, Self.small, "a")])
        #expect(lines.join(1, lane: Self.small, user: "b", at: Lines.maxWait / 3) == .waits)
        let late = lines.join(2, lane: Self.small, user: "c", at: Lines.maxWait + 1)
        guard case .isRejected = late else {
            Issue.record("it waits")
            return
        }
        lines.leave(0)
        lines.leave(1)
        #expect(lines.join(3, lane: Self.small, user: "c", at: Lines.maxWait + 2) == .waits, "nobody is known to wait in vain")
    }

    @Test(arguments: 0..<50 as Range<UInt64>)
    func `whoever comes and goes, everybody who stays has a turn, once`(seed: UInt64) {
        var random = Seeded(seed)
        var lines = Lines(), inside: Set<Int> = [], number = 0, waited: [Int: Int] = [:]
        for _ in 0..<2000 {
            switch Int.random(in: 0..<5, using: &random) {
            case 0, 1:
                number += 1
                let user = "\(Int.random(in: 0..<6, using: &random))", lane = Int.random(in: 0..<Lane.count, using: &random)
                if lines.join(number, lane: lane, user: user, at: 0) == .waits { inside.insert(number) }
            case 2: if let one = inside.randomElement(using: &random) { #expect(lines.leave(inside.remove(one) ?? one) == true) }
            default:
                for one in inside { waited[one, default: 0] += 1 }
                if let next = lines.next(at: 0, take: { _ in true }) {
                    #expect(inside.remove(next) != nil)
                    #expect(waited[next, default: 0] < 1000)
                } else {
                    #expect(inside.isEmpty)
                }
            }
            #expect(lines.count == inside.count)
        }
        while let next = lines.next(at: 0, take: { _ in true }) { #expect(inside.remove(next) != nil) }
        #expect(inside.isEmpty)
    }
}
