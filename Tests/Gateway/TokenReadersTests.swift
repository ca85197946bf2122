import Testing

@testable import Gateway

struct TokenReadersTests {
    private static let start = ContinuousClock.now

    private static func isProven(_ readers: TokenReaders, _ generation: Int, at upstream: Upstream, after seconds: Int) -> Bool {
        var readers = readers
        return readers.isProven(generation, at: upstream, now: start + .seconds(seconds))
    }

    @Test func `a token is proven for a minute after it was accepted`() throws {
        var readers = TokenReaders()
        let upstream = try upstream("main")
        #expect(!Self.isProven(readers, 1, at: upstream, after: 0))
        readers.accepted(1, by: upstream, at: Self.start)
        #expect(Self.isProven(readers, 1, at: upstream, after: 59))
        #expect(!Self.isProven(readers, 1, at: upstream, after: 60))
    }

    @Test func `what was said of one token proves no other`() throws {
        var readers = TokenReaders()
        let upstream = try upstream("main")
        readers.accepted(1, by: upstream, at: Self.start)
        #expect(!Self.isProven(readers, 2, at: upstream, after: 0), "it was renewed")
        readers.rejected(by: upstream)
        #expect(!Self.isProven(readers, 1, at: upstream, after: 0))
    }
}
