import Testing

@testable import Access

struct LastLoginTests {
    private let now = ContinuousClock.now
    private let cache = LoginCache(), principal = Principal(name: "u", rules: [])

    /// A value that cannot be copied cannot be used in an expectation.
    private final class Connection { var last = LastLogin() }
    private let connection = Connection()

    private func found(_ text: String, generation: Int = 1, after: Duration = .zero) -> Principal? {
        connection.last.principal(of: basic(text)[...], generation: generation, now: now + after)
    }

    @Test func `the credentials that were proven last are known, and no others`() {
        #expect(found("dTpw") == nil)
        connection.last.remember(basic("dTpw")[...], of: cache.insert(principal, for: basic("dTpw")[...], generation: 1, now: now))
        #expect(found("dTpw") === principal)
        for other in ["dTpx", "dTp", "dTpw=", ""] { #expect(found(other) == nil) }
        let another = Principal(name: "v", rules: [])
        connection.last.remember(basic("djpw")[...], of: cache.insert(another, for: basic("djpw")[...], generation: 1, now: now))
        #expect(found("djpw") === another)
        #expect(found("dTpw") == nil)
    }

    @Test func `they are forgotten with the cache's entry and when the users change`() {
        let entry = cache.insert(principal, for: basic("dTpw")[...], generation: 1, now: now, lifetime: .seconds(2))
        connection.last.remember(basic("dTpw")[...], of: entry)
        #expect(found("dTpw", after: .milliseconds(1999)) === principal)
        #expect(found("dTpw", after: .seconds(2)) == nil)
        #expect(found("dTpw", generation: 2) == nil)
    }

    @Test func `long credentials are not kept with the connection`() {
        for (count, isKept) in [(LastLogin.maxFieldBytes, true), (LastLogin.maxFieldBytes + 1, false)] {
            let field = [UInt8](repeating: 97, count: count)[...]
            connection.last.remember(field, of: cache.insert(principal, for: field, generation: 1, now: now))
            #expect((connection.last.principal(of: field, generation: 1, now: now) === principal) == isKept)
        }
    }
}
