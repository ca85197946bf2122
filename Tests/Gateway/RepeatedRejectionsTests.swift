import HTTP
import Registry
import Testing
import Transport

@testable import Gateway

struct RepeatedRejectionsTests {
    private static let now = ContinuousClock.now

    private static func kind(_ client: String, _ isFailedLogin: Bool = false) throws -> RepeatedRejections.Kind {
        let address = try #require(SocketAddress(host: client, port: 0))
        return .init(client: address.clientNetwork, operation: .ping, status: 401, isFailedLogin: isFailedLogin)
    }

    private static let repeats = RepeatedRejections.Repeats(client: [], operation: .ping, status: 401, reason: "no login")

    @Test func `the first rejections of an interval are logged and the others counted, for each client and reason`() throws {
        var rejections = RepeatedRejections()
        for kind in [try Self.kind("10.0.0.1"), try Self.kind("10.0.0.2"), try Self.kind("10.0.0.1", true)] {
            let written = (0..<1000).count { _ in rejections.mayWrite(kind, now: Self.now) { Self.repeats } }
            #expect(written == RepeatedRejections.linesPerInterval)
        }
        #expect(rejections.take(now: Self.now).counted.isEmpty, "the interval is not over")
        let told = rejections.take(now: Self.now + RepeatedRejections.interval).counted
        #expect(told.map(\.count) == [Int](repeating: 1000 - RepeatedRejections.linesPerInterval, count: 3))
        #expect(rejections.take(now: Self.now + RepeatedRejections.interval, all: true).counted.isEmpty, "told once")
    }

    @Test func `a count that was not logged is added to the next interval's`() throws {
        var rejections = RepeatedRejections()
        let kind = try Self.kind("10.0.0.1"), later = Self.now + RepeatedRejections.interval
        for _ in 0..<100 { _ = rejections.mayWrite(kind, now: Self.now) { Self.repeats } }
        let written = (0..<100).count { _ in rejections.mayWrite(kind, now: later) { Self.repeats } }
        #expect(written == RepeatedRejections.linesPerInterval)
        #expect(rejections.take(now: later, all: true).counted.map(\.count) == [200 - 2 * RepeatedRejections.linesPerInterval])
    }

    @Test func `kinds past the bound are counted together`() throws {
        var rejections = RepeatedRejections()
        let written = try (0..<10_000).count { number in
            rejections.mayWrite(try Self.kind("10.0.\(number / 256).\(number % 256)"), now: Self.now) { Self.repeats }
        }
        #expect(rejections.take(now: Self.now, all: true).others == 10_000 - written && written < 10_000)
    }
}
