import TestSupport

/// A simulated world: its time, its chance, what happens in it, and what should not have. Times are nanoseconds.
final class World {
    /// What is counted, to know that the rules were put to the test.
    enum Event: Int, CaseIterable {
        /// A read went on at another registry; it was served by one that was not in use, because nothing else was left.
        case moved, servedAsLastResort
        /// A breaker opened, let a request try, did so after the longest pause, and closed.
        case opened, tried, triedAfterLongestPause, closed
        /// A request that had waited did not go to a registry whose breaker had opened meanwhile.
        case overtaken
        /// A replica did not have what it was asked for; a request was not sent again for want of budget.
        case missedAtReplica, unaffordable
    }

    private struct Entry {
        let time: Int, number: Int
        let work: () -> Void
    }

    static let second = 1_000_000_000

    private(set) var now = 0
    private var random: Seeded
    /// A heap: each entry is before the two at twice its position.
    private var agenda: [Entry] = []
    private var lastNumber = 0
    /// By `Event`.
    private(set) var counts = [Int](repeating: 0, count: Event.allCases.count)
    private let start = ContinuousClock.now
    /// What a rule forbids and has happened.
    private(set) var problems: [String] = []

    init(seed: UInt64) { random = Seeded(seed) }

    func check(_ isGood: Bool, _ problem: @autoclosure () -> String) {
        if !isGood { problems.append("at \(Double(now) / 1e9) s: \(problem())") }
    }

    func count(_ event: Event) { counts[event.rawValue] += 1 }

    // MARK: Chance

    func chance(_ share: Double) -> Bool { Double.random(in: 0..<1, using: &random) < share }
    func between(_ first: Int, _ last: Int) -> Int { .random(in: first...last, using: &random) }
    func fraction() -> Double { .random(in: 0..<1, using: &random) }
    /// Seconds, in nanoseconds.
    func seconds(_ first: Double, _ last: Double) -> Int { Int(.random(in: first...last, using: &random) * 1e9) }

    // MARK: Time

    var instant: ContinuousClock.Instant { start + .nanoseconds(now) }

    func after(_ time: Int, _ work: @escaping () -> Void) {
        lastNumber += 1
        agenda.append(Entry(time: now + max(0, time), number: lastNumber, work: work))
        var child = agenda.count - 1
        while child > 0, isBefore(child, (child - 1) / 2) {
            agenda.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    /// Lets everything happen until nothing more does, or this much time has passed.
    func run(until end: Int) {
        while let first = agenda.first, first.time <= end {
            removeFirst()
            now = first.time
            first.work()
        }
    }

    private func isBefore(_ a: Int, _ b: Int) -> Bool { (agenda[a].time, agenda[a].number) < (agenda[b].time, agenda[b].number) }

    private func removeFirst() {
        agenda.swapAt(0, agenda.count - 1)
        agenda.removeLast()
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < agenda.count && isBefore(child, least) { least = child }
            guard least != parent else { return }
            agenda.swapAt(least, parent)
            parent = least
        }
    }
}

/// Times at which something is away.
struct Outages {
    private let spans: [Range<Int>]

    init(_ span: Range<Int>) { spans = [span] }

    /// - Parameter number: at most so many, each of at most `longest` nanoseconds, within two minutes.
    init(_ world: World, number: Int, longest: Int) {
        spans = (0..<world.between(0, number)).map { _ in
            let start = world.seconds(0, 90)
            return start..<start + world.between(1, longest)
        }
    }

    func cover(_ time: Int) -> Bool { spans.contains { $0.contains(time) } }
    /// Whether one of them has to do with a span of time.
    func touch(_ span: Range<Int>) -> Bool { spans.contains { $0.overlaps(span) } }
}
