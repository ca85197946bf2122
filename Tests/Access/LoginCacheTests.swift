import Testing

@testable import Access

struct LoginCacheTests {
    @Test func `verified credentials are known until their lifetime ends or the users change`() {
        let cache = LoginCache(), principal = Principal(name: "u", rules: []), now = ContinuousClock.now
        let field = basic("dTpw")[...]
        #expect(cache.lookup(field, generation: 1, now: now) == nil)
        cache.insert(principal, for: field, generation: 1, now: now)
        #expect(cache.lookup(field, generation: 1, now: now + LoginCache.lifetime - .seconds(1))?.principal === principal)
        #expect(cache.lookup(field, generation: 1, now: now + LoginCache.lifetime) == nil)
        #expect(cache.lookup(field, generation: 2, now: now) == nil)
        #expect(cache.lookup(basic("dTpx")[...], generation: 1, now: now) == nil)
    }
}
