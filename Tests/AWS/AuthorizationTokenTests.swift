import Crypto
import FoundationEssentials
import Testing

@testable import AWS

struct AuthorizationTokenTests {
    /// Hours of the token's life, minutes that are left of it, and whether it is good for an upload of five minutes.
    @Test(arguments: [(12.0, 60.0, true), (12, 5, true), (12, 4, false), (12, -1, false), (0.1, 4, true)])
    func `a large upload gets a token that lasts, if there can be one`(hours: Double, minutes: Double, lasts: Bool) {
        let now = Date(timeIntervalSince1970: 1_800_000_000), end = now.addingTimeInterval(minutes * 60)
        let start = end.addingTimeInterval(-hours * 3600)
        let token = AuthorizationToken(
            generation: 1, fetched: FetchedToken(authorizationToken: Secret("x"), expiresAt: end),
            life: TokenLife(fetchedAt: start, reported: end))
        #expect(token.lasts(300, at: now) == lasts)
    }
}
