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

    @Test func `registries that are not in use are asked when nothing else is left`() {
        #expect(Self.path(away: [0, 1, 2], .failed, .failed, .failed) == [0, 1, 2], "there is nothing to lose")
        #expect(Self.path(away: [0], .failed, .failed, .failed) == [1, 2, 0])
        #expect(Self.path(away: [1], .failed, .failed, .failed) == [0, 2, 1])
    }

    @Test func `a read is sent back to a registry that overtook it once`() {
        #expect(Self.path(count: 2, .overtaken) == [0, 1])
        #expect(Self.path(count: 2, .overtaken, .failed, .failed, .failed) == [0, 1, 0])
        #expect(Self.path(count: 2, .overtaken, .overtaken, .overtaken, .overtaken, .overtaken).count <= 5)
    }

    @Test func `only the registry itself can say that something does not exist`() {
        #expect(Self.path(.failed, .missing) == [0, 1, 2], "another replica may have it")
        #expect(Self.path(.failed, .missing, .missing, .missing) == [0, 1, 2, 0])
        #expect(Self.path(away: [0, 2], .missing, .failed, .failed) == [1, 0, 2])
        #expect(Self.path(.failed, .missing, .failed, .failed) == [0, 1, 2, 0], "it is asked once more, and not again")
    }

    @Test func `what is left to be asked is known`() {
        var order = RegistryOrder(count: 2) { _ in true }
        #expect(order.alternative { _ in true } == .inUse)
        #expect(order.alternative { _ in false } == .lastResort)
        _ = order.advance(after: .failed) { _ in true }
        #expect(order.alternative { _ in true } == .none && !order.isMissing && order.isAtFallback)
        _ = order.advance(after: .missing) { _ in true }
        #expect(order.alternative { _ in true } == .none && order.isMissing && order.current == 0)
    }

    @Test(arguments: [(404, true, true), (403, true, true), (404, false, false), (400, true, false)])
    func `only a replica's 401, 403 and 404 are no answer`(status: Int, isAtFallback: Bool, isMissing: Bool) {
        #expect(RegistryOrder.Outcome(status: status, isAtFallback: isAtFallback) == (isMissing ? .missing : nil))
        #expect(RegistryOrder.Outcome(status: 503, isAtFallback: isAtFallback) == .failed)
    }
}
