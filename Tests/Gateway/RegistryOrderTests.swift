import Testing

@testable import Gateway

struct RegistryOrderTests {
    /// The registries that a read is sent to.
    /// - Parameters:
    ///   - away: those whose breakers are open.
    ///   - outcomes: what becomes of it at one after the other; the read is served after them.
    private static func path(count: Int = 3, away: Set<Int> = [], _ outcomes: RegistryOrder.Outcome...) -> [Int] {
        var order = RegistryOrder(count: count) { !away.contains($0) }
        var path = [order.current]
        for outcome in outcomes {
            guard order.advance(after: outcome, mayTry: { !away.contains($0) }) else { return path }
            path.append(order.current)
        }
        return path
    }

    @Test func `a read goes to the registry itself while that can serve`() {
        #expect(Self.path() == [0])
        #expect(Self.path(away: [1, 2]) == [0])
    }

    @Test func `a read that one registry cannot serve goes to the next that is in use`() {
        #expect(Self.path(.failed) == [0, 1])
        #expect(Self.path(.failed, .failed) == [0, 1, 2])
        #expect(Self.path(away: [1], .failed) == [0, 2])
        #expect(Self.path(away: [0]) == [1])
    }

    @Test func `each registry is asked once when all fail`() {
        #expect(Self.path(.failed, .failed, .failed, .failed) == [0, 1, 2])
        #expect(Self.path(count: 1, .failed, .failed) == [0])
    }

    @Test func `a registry that is not in use is asked when nothing else is left`() {
        #expect(Self.path(away: [0, 1, 2], .failed) == [0], "there is nothing to lose")
        #expect(Self.path(away: [0], .failed, .failed, .failed) == [1, 2, 0])
    }

    @Test func `only the registry itself can say that something does not exist`() {
        #expect(Self.path(.failed, .missing) == [0, 1, 2], "another replica may have it")
        #expect(Self.path(.failed, .missing, .missing, .missing) == [0, 1, 2, 0])
        #expect(Self.path(away: [0, 2], .missing, .failed) == [1, 0])
        #expect(Self.path(.failed, .missing, .failed, .failed) == [0, 1, 2, 0], "it is asked once more, and not again")
    }

    @Test func `the last registry is known, and that a replica lacks something`() {
        var order = RegistryOrder(count: 2) { _ in true }
        _ = order.advance(after: .failed) { _ in true }
        #expect(!order.isLast && !order.isMissing)
        _ = order.advance(after: .missing) { _ in true }
        #expect(order.isLast && order.isMissing && order.current == 0)
    }
}
