import Crypto
import Registry
import Testing

@testable import Access

struct BearerTokenTests {
    private static let key = Secret([UInt8](repeating: 7, count: 32))
    private static let now = 1_800_000_000.25
    private static let user = Principal(name: "üser", rules: []), anonymous = Principal(name: "anonymous", rules: [])

    private static func directory(
        _ password: String = "p", key: Secret<[UInt8]> = key, users: [Principal] = [user], anonymous: Principal? = anonymous
    ) -> UserDirectory {
        UserDirectory(
            generation: 1, users: users.map { (.plain(Secret(Array(password.utf8))), $0) }, anonymous: anonymous, tokenKey: key)
    }

    private static func field(_ token: [UInt8], _ scheme: String = "Bearer ") -> ArraySlice<UInt8> {
        (Array(scheme.utf8) + token)[...]
    }

    @Test func `a token stands for its user until it expires, on every replica, with the rules of the moment of use`() throws {
        let field = Self.field(Self.directory().token(for: Self.user, now: Self.now))
        let end = Int(Self.now) + 301
        let other = Principal(name: "üser", rules: [AccessRule(repositories: [glob("a")], actions: [.pull])])
        let login = try #require(Self.directory(users: [other]).login(withToken: field, now: Self.now + 299))
        #expect(login.principal === other && login.end == end)
        #expect(Self.directory().login(withToken: field, now: Double(end)) == nil)
        #expect(Self.directory().login(withToken: Self.field(Array(field.dropFirst(7)), "bEARER "), now: Self.now) != nil)
    }

    @Test func `a token is invalid with another password, without its user, with another key, or without an anonymous user`() {
        let field = Self.field(Self.directory().token(for: Self.user, now: Self.now))
        #expect(Self.directory().login(withToken: field, now: Self.now) != nil)
        for other in [
            Self.directory("q"), Self.directory(users: []), Self.directory(key: Secret([UInt8](repeating: 8, count: 32))),
            Self.directory(anonymous: nil),
        ] { #expect(other.login(withToken: field, now: Self.now) == nil) }
    }

    @Test func `the anonymous user's token differs from that of a user named anonymous`() throws {
        let namesake = Principal(name: "anonymous", rules: [])
        let directory = Self.directory(users: [namesake])
        let nobody = Self.field(directory.token(for: Self.anonymous, now: Self.now))
        #expect(directory.login(withToken: nobody, now: Self.now)?.principal === Self.anonymous)
        let somebody = Self.field(directory.token(for: namesake, now: Self.now))
        #expect(directory.login(withToken: somebody, now: Self.now)?.principal === namesake)
    }

    @Test func `a changed, cut or long token is invalid`() throws {
        let directory = Self.directory()
        let token = directory.token(for: Self.user, now: Self.now)
        for index in token.indices {
            for byte in [token[index] ^ 1, token[index] ^ 32, UInt8(ascii: "."), UInt8(ascii: "0")] where byte != token[index] {
                var forged = token
                forged[index] = byte
                #expect(directory.login(withToken: Self.field(forged), now: Self.now) == nil)
            }
        }
        let others = [
            [], Array("dTpw".utf8), Array("..".utf8), Array(token.dropLast()), token + [48, 48], token + [UInt8(ascii: ".")],
            Array("61.99999999999999999999.".utf8) + token.suffix(64), Array(".1900000000.".utf8) + token.suffix(64),
        ]
        for other in others { #expect(directory.login(withToken: Self.field(other), now: Self.now) == nil) }
        #expect(directory.login(withToken: Self.field(token, "Basic "), now: Self.now) == nil)
        let long = Self.field(Array(repeating: 48, count: 1 << 10))
        #expect(long.isOversizedBearer && !Self.field(token).isOversizedBearer && !Self.field(token, "Basic ").isBearer)
        #expect(!token.contains { !($0 &- 48 < 10 || $0 &- 97 < 6 || $0 == UInt8(ascii: ".")) }, "JSON takes it as it is")
    }

    @Test func `a token for the longest name is accepted`() {
        let user = Principal(name: String(repeating: "n", count: 256), rules: [])
        let directory = Self.directory(users: [user])
        #expect(directory.login(withToken: Self.field(directory.token(for: user, now: Self.now)), now: Self.now) != nil)
    }

    @Test func `a token is cached until it expires at most`() {
        let cache = LoginCache(), now = ContinuousClock.now, field = Self.field([1])
        cache.insert(Self.user, for: field, generation: 1, now: now, lifetime: .seconds(2))
        #expect(cache.lookup(field, generation: 1, now: now + .milliseconds(1999))?.principal === Self.user)
        #expect(cache.lookup(field, generation: 1, now: now + .seconds(2)) == nil)
        cache.insert(Self.user, for: field, generation: 1, now: now, lifetime: .seconds(4000))
        #expect(cache.lookup(field, generation: 1, now: now + LoginCache.lifetime) == nil)
    }
}
