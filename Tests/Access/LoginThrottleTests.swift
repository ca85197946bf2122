import Crypto
import Testing
import Transport

@testable import Access

struct LoginThrottleTests {
    private static let now = ContinuousClock.now

    private static func network(_ address: String) throws -> ClientNetwork {
        try #require(SocketAddress(host: address, port: 0)).clientNetwork
    }

    /// A throttle, with short forms of its calls.
    private struct ClientThrottle {
        var throttle: LoginThrottle
        var client: ClientNetwork
        var generation = 1

        mutating func begin(_ user: String, _ tag: UInt8, after seconds: Int = 0) -> LoginThrottle.Permission {
            throttle.begin(client, user: Array(user.utf8), tag: [tag], generation: generation, now: now + .seconds(seconds))
        }

        mutating func end(_ tag: UInt8, _ outcome: LoginThrottle.Outcome) {
            throttle.end(client, tag: [tag], outcome, generation: generation, now: now)
        }

        mutating func fail(_ user: String, _ tag: UInt8) {
            _ = begin(user, tag)
            end(tag, .wrong(.wrongPassword))
        }
    }

    private static func throttle(failuresPerMinute: Int) throws -> ClientThrottle {
        ClientThrottle(throttle: LoginThrottle(failuresPerMinute: failuresPerMinute), client: try network("127.0.0.1"))
    }

    @Test func `logins beyond the limit wait for the end of the minute, sent at once or one after another`() throws {
        var throttle = try Self.throttle(failuresPerMinute: 3)
        for tag in 0..<3 as Range<UInt8> { #expect(throttle.begin("u", tag) == .check) }
        #expect(throttle.begin("u", 9) == .wait(1), "three are being checked")
        #expect(throttle.begin("u", 0) == .check, "the same credentials are no further try")
        throttle.end(0, .unchecked)
        throttle.end(0, .unchecked)
        #expect(throttle.begin("u", 9) == .check)
        for tag in [1, 2, 9] as [UInt8] { throttle.end(tag, .wrong(.wrongPassword)) }
        #expect(throttle.begin("u", 10, after: 20) == .wait(41))
        #expect(throttle.begin("u", 10, after: 61) == .check)
    }

    @Test func `one user's failures do not delay another user, until the client has failed too often`() throws {
        var throttle = try Self.throttle(failuresPerMinute: 2)
        for tag in 0..<2 as Range<UInt8> { throttle.fail("u", tag) }
        #expect(throttle.begin("u", 100) == .wait(61) && throttle.begin("v", 100) == .check)
        throttle.end(100, .unchecked)
        for tag in 2..<20 as Range<UInt8> { throttle.fail("v\(tag)", tag) }
        #expect(throttle.begin("w", 101) == .wait(61), "twenty failures of one client")
        throttle.client = try Self.network("127.0.0.2")
        #expect(throttle.begin("w", 101) == .check)
    }

    @Test func `a repeated wrong login is rejected from memory and does not count, until the users change`() throws {
        var throttle = try Self.throttle(failuresPerMinute: 2)
        throttle.fail("u", 0)
        for _ in 0..<100 { #expect(throttle.begin("u", 0) == .knownWrong(.wrongPassword)) }
        #expect(throttle.begin("u", 0, after: 3600) == .knownWrong(.wrongPassword))
        #expect(throttle.begin("u", 1) == .check, "an honest login from the same address")
        throttle.generation = 2
        #expect(throttle.begin("u", 0, after: 61) == .check)
    }

    @Test func `a wrong login on many connections counts once`() throws {
        var throttle = try Self.throttle(failuresPerMinute: 2)
        for _ in 0..<10 { #expect(throttle.begin("u", 0) == .check) }
        for _ in 0..<10 { throttle.end(0, .wrong(.wrongPassword)) }
        #expect(throttle.begin("u", 1) == .check)
        throttle.end(1, .wrong(.wrongPassword))
        #expect(throttle.begin("u", 2) == .wait(61))
    }

    @Test func `a client of IPv6 is its /64 network`() throws {
        #expect(try Self.network("2001:db8::1") == Self.network("2001:db8::ffff:1"))
        #expect(try Self.network("2001:db8::1") != Self.network("2001:db8:0:1::1"))
        #expect(try Self.network("10.0.0.1") != Self.network("10.0.0.2"))
        #expect(try Self.network("::ffff:10.0.0.1") == Self.network("10.0.0.1"))
        #expect(try Self.network("::1") != Self.network("0.0.0.0"))
    }
}

struct ProvenLoginsTests {
    private static func directory(_ generation: Int, _ credential: Credential) -> UserDirectory {
        UserDirectory(generation: generation, users: [(credential, Principal(name: "u", rules: []))], anonymous: nil)
    }

    @Test func `a verified login stays valid through a reload, but not with another password`() {
        let credential = Credential.plain(Secret(Array("p".utf8))), tag: [UInt8] = [1]
        let before = Self.directory(1, credential), after = Self.directory(2, credential)
        var proven = ProvenLogins()
        #expect(proven.principal(of: tag, in: before) == nil)
        proven.insert(tag, user: Array("u".utf8), in: before)
        #expect(proven.principal(of: tag, in: after)?.name == "u")
        #expect(proven.principal(of: [2], in: after) == nil)
        #expect(proven.principal(of: tag, in: Self.directory(3, .plain(Secret(Array("q".utf8))))) == nil)
        #expect(proven.principal(of: tag, in: UserDirectory(generation: 4, users: [], anonymous: nil)) == nil)
    }
}
