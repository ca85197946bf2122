import Configuration
import Synchronization
import Testing

@testable import Gateway

struct ShieldTests {
    private static let small = Lane(.other, isLarge: false), large = Lane(.other, isLarge: true)

    private static func shield(concurrent: Int, requestsPerSecond: Int = 0) -> Shield {
        var limits = UpstreamLimits()
        (limits.concurrent, limits.requestsPerSecond) = (concurrent, requestsPerSecond)
        return Shield(limits, isPublic: false)
    }

    /// How many requests may go at once, one after the other.
    private static func count(_ shield: Shield, _ lane: Lane, upTo most: Int) -> Int {
        guard most > 0, let turn = shield.tryBegin(lane) else { return 0 }
        let count = 1 + count(shield, lane, upTo: most - 1)
        _ = consume turn
        return count
    }

    @Test func `so many requests have their turn at once, and of large ones three quarters`() {
        let shield = Self.shield(concurrent: 8)
        for _ in 0..<3 {
            #expect(Self.count(shield, Self.small, upTo: 100) == 8)
            #expect(Self.count(shield, Self.large, upTo: 100) == 6)
        }
        #expect(Self.count(Self.shield(concurrent: 1), Self.large, upTo: 100) == 1)
        #expect(Self.count(Self.shield(concurrent: 0), Self.large, upTo: 500) == 500, "no bound")
    }

    @Test func `other bounds hold from the next request on`() {
        let shield = Self.shield(concurrent: 1)
        var limits = UpstreamLimits()
        limits.concurrent = 3
        shield.use(limits)
        #expect(Self.count(shield, Self.small, upTo: 100) == 3)
    }

    @Test func `requests of all kinds keep to one rate, and each API to its own`() {
        let shield = Self.shield(concurrent: 0, requestsPerSecond: 20)
        #expect(Self.count(shield, Self.small, upTo: 100) <= 3)
        #expect(Self.count(Self.shield(concurrent: 0), Lane(.putImage, isLarge: false), upTo: 100) == 1)
        #expect(Self.count(Self.shield(concurrent: 0), Lane(.batchGetImage, isLarge: false), upTo: 100) > 90)
    }

    @Test func `quotas of the account take the place of the default ones`() {
        var limits = UpstreamLimits()
        limits.quotas = [.putImage: 50, .batchGetImage: 20]
        let shield = Shield(limits, isPublic: false)
        #expect(Self.count(shield, Lane(.putImage, isLarge: false), upTo: 100) == 5)
        #expect(Self.count(shield, Lane(.batchGetImage, isLarge: false), upTo: 100) == 2, "a quota that is known is kept always")
        let others = Self.count(shield, Lane(.getDownloadURLForLayer, isLarge: false), upTo: 100)
        #expect(others == 100, "a default one of reads is not")
    }

    private final class Counts: Sendable {
        let active = Atomic(0), most = Atomic(0), all = Atomic(0)

        func begin() {
            most.max(active.wrappingAdd(1, ordering: .relaxed).newValue, ordering: .relaxed)
            all.wrappingAdd(1, ordering: .relaxed)
        }

        func end() { active.wrappingSubtract(1, ordering: .relaxed) }
    }

    @Test func `from all threads together no more than the bound`() async {
        let shield = Self.shield(concurrent: 4), counts = Counts()
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<8 {
                group.addTask { @Sendable in
                    let lane = number % 2 == 0 ? Self.small : Self.large
                    for _ in 0..<5000 {
                        guard let turn = shield.tryBegin(lane) else { continue }
                        counts.begin()
                        counts.end()
                        _ = consume turn
                    }
                }
            }
        }
        #expect(counts.most.load(ordering: .relaxed) <= 4 && counts.all.load(ordering: .relaxed) > 1000)
        #expect(Self.count(shield, Self.small, upTo: 100) == 4, "each turn has ended once")
    }
}
