import Testing
import Transport

@testable import Gateway

struct OutliersTests {
    private let now = ContinuousClock.now
    private let a = SocketAddress(ipv4: (192, 0, 2, 1), port: 443)
    private let b = SocketAddress(ipv4: (192, 0, 2, 2), port: 443)

    @Test func `an address that cannot be connected to is tried last, for a while`() {
        var outliers = Outliers()
        outliers.connectFailed(a, at: now)
        #expect(outliers.ordered([a, b], at: now) == [b, a])
        #expect(outliers.ordered([a], at: now) == [a], "there is no other")
        #expect(outliers.ordered([a, b], at: now + .seconds(10)) == [a, b])
    }

    @Test func `each further failure avoids it for longer, up to a minute`() {
        var outliers = Outliers()
        for _ in 1...3 { outliers.connectFailed(a, at: now) }
        #expect(outliers.isAvoided(a, at: now + .seconds(29)) && !outliers.isAvoided(a, at: now + .seconds(30)))
        for _ in 1...20 { outliers.connectFailed(a, at: now) }
        #expect(outliers.isAvoided(a, at: now + .seconds(59)) && !outliers.isAvoided(a, at: now + .seconds(60)))
    }

    @Test func `one failed response says nothing of an address, two in a row do`() {
        var outliers = Outliers()
        outliers.responseFailed(a, at: now)
        #expect(!outliers.isAvoided(a, at: now))
        outliers.succeeded(a)
        outliers.responseFailed(a, at: now)
        #expect(!outliers.isAvoided(a, at: now))
        outliers.responseFailed(a, at: now)
        #expect(outliers.isAvoided(a, at: now) && !outliers.isAvoided(b, at: now))
    }

    @Test func `a server that closes its connections one after another is being shut down`() {
        var outliers = Outliers()
        for _ in 1...2 { outliers.closed(a, at: now) }
        outliers.succeeded(a)
        for _ in 1...2 { outliers.closed(a, at: now) }
        #expect(!outliers.isAvoided(a, at: now))
        outliers.closed(a, at: now)
        #expect(outliers.ordered([a, b], at: now) == [b, a])
    }

    @Test func `a success makes an address like any other`() {
        var outliers = Outliers()
        outliers.connectFailed(a, at: now)
        outliers.succeeded(a)
        #expect(outliers.isEmpty)
    }

    @Test func `what was long ago is forgotten, and so are the oldest of many`() {
        var outliers = Outliers()
        outliers.connectFailed(a, at: now)
        outliers.sweep(at: now + .seconds(60))
        #expect(outliers.isEmpty)
        outliers.connectFailed(a, at: now)
        for port in 1...64 { outliers.connectFailed(SocketAddress(ipv4: (192, 0, 2, 3), port: UInt16(port)), at: now) }
        #expect(!outliers.isAvoided(a, at: now))
    }

    @Test func `when all addresses are avoided, their order is as the name has it`() {
        var outliers = Outliers()
        outliers.connectFailed(b, at: now)
        outliers.connectFailed(a, at: now)
        #expect(outliers.ordered([a, b], at: now) == [a, b])
    }
}
