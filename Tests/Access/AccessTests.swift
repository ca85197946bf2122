import Crypto
import Foundation
import Glibc
import Registry
import Synchronization
import Testing

@testable import Access
@testable import Transport

struct PasswordHashTests {
    /// Made by htpasswd(1), openssl-passwd(1) and crypt(3), not by Berth.
    @Test(arguments: [
        "$2y$05$dhl3xE5Z5ruAHmzlwdYHEu4CP71AF.vSy2hQZhSbwSFjKO8IRcSOu",
        "$6$abcdefgh$yVfUwsw5T.JApa8POvClA1pQ5peiq97DUNyXCZN5IrF.BMSkiaLQ5kvpuEm/VQ1Tvh/KV2TcaWh8qinoW5dhA1",
        "$5$abcdefgh$ZLdkj8mkc2XVSrPVjskDAgZPGjtj1VGVaa1aUkrMTU/",
        "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$tnSYvahCwPBHKZUspmcxMfb0.WiB9W.zEaKlOBL35rC",
    ])
    func `another program's hash is verified`(hash: String) throws {
        #expect(try #require(PasswordHash(hash)).verify(Array("password".utf8)))
        #expect(try !#require(PasswordHash(hash)).verify(Array("Password".utf8)))
    }

    @Test func `a hash made here verifies its password alone`() throws {
        let hash = try #require(PasswordHash.make(password: Array("s3cret".utf8)).flatMap { PasswordHash($0) })
        #expect(hash.verify(Array("s3cret".utf8)))
        #expect(!hash.verify(Array("s3cre".utf8)) && !hash.verify([]) && !hash.verify(Array("s3cret\0x".utf8)))
        #expect("\(hash)".contains("$2b$") == false)
    }

    @Test(arguments: ["", "plain", "$1$salt$hash", "{SHA}x", "$apr1$x$y"]) func `a weak or unknown format is none`(text: String) {
        #expect(PasswordHash(text) == nil)
    }
}

struct GlobTests {
    @Test(arguments: [
        ("**", "a/b/c", true), ("*", "a", true), ("*", "a/b", false), ("team-a/**", "team-a/x/y", true),
        ("team-a/**", "team-ab/x", false),
        ("base/*", "base/x", true), ("base/*", "base/x/y", false), ("a*c", "abbc", true), ("**/app", "x/y/app", true),
        ("**/app", "app", false),
        ("*/app-*", "x/app-1", true), ("*/app-*", "x/y/app-1", false), ("a", "a", true), ("a", "ab", false), ("", "a", false),
    ])
    func `a pattern means what the README says`(pattern: String, name: String, matches: Bool) {
        #expect(Glob(pattern).matches(Array(name.utf8)) == matches)
    }

    /// By trying everything.
    static func naive(_ pattern: ArraySlice<UInt8>, _ name: ArraySlice<UInt8>) -> Bool {
        guard let first = pattern.first else { return name.isEmpty }
        guard first == UInt8(ascii: "*") else { return name.first == first && naive(pattern.dropFirst(), name.dropFirst()) }
        let rest = pattern.drop { $0 == UInt8(ascii: "*") }
        let isDouble = pattern.count - rest.count > 1
        return (0...name.count).contains { count in
            (isDouble || !name.prefix(count).contains(UInt8(ascii: "/"))) && naive(rest, name.dropFirst(count))
        }
    }

    @Test func `any pattern matches what a slow matcher does`() {
        for _ in 0..<20_000 {
            let pattern = (0..<Int.random(in: 0...7)).map { _ in "ab/*".utf8.randomElement() ?? 0 }
            let name = (0..<Int.random(in: 0...8)).map { _ in "ab/".utf8.randomElement() ?? 0 }
            #expect(Glob(String(decoding: pattern, as: UTF8.self)).matches(name) == Self.naive(pattern[...], name[...]))
        }
    }

    @Test func `the catalog is for who may list anything`() throws {
        let some = Principal(name: "a", rules: [Rule(repositories: ["team-a/**"], actions: [.list, .pull])])
        let mine = try #require(Repository("team-a/x"))
        let other = Principal(name: "b", rules: [Rule(repositories: ["**"], actions: [.pull])])
        let place = Place(host: nil, namespace: nil)
        #expect(some.may(anyOf: [.list], on: nil, at: place) && !other.may(anyOf: [.list], on: nil, at: place))
        #expect(some.may(anyOf: [.push, .pull], on: mine, at: place))
        #expect(!some.may(anyOf: [.push], on: mine, at: place))
    }
}

struct LoginTests {
    static func basic(_ text: String) -> [UInt8] { Array("Basic \(text)".utf8) }

    @Test(arguments: [
        "", "Basic", "Basic ", "Token dTpw", "Bearer dTpw", "Basic d_pw", "Basic dTpw=x", "Basic dXA=", "Basic d", "Basic dTpw===",
    ])
    func `a malformed login is none`(field: String) { #expect(BasicCredentials(field: Array(field.utf8)) == nil) }

    @Test func `name and password part at the first colon`() throws {
        let credentials = try #require(BasicCredentials(field: Self.basic("dTpwOnE=")))  // u:p:q
        #expect(credentials.user == Array("u".utf8) && credentials.password.reveal == Array("p:q".utf8))
    }

    static let client = ClientNetwork(isIPv6: false, bits: 1)

    static func directory(_ credential: Credential) -> UserDirectory {
        UserDirectory(generation: 1, users: [(credential, Principal(name: "u", rules: []))], anonymous: nil)
    }

    @Test func `however many connections bring the same credentials, they are hashed once`() async throws {
        let hashes = Count()
        let verifier = PasswordVerifier { _, password in
            hashes.add()
            usleep(200_000)  // long enough for all to have asked
            return password == Array("p".utf8)
        }
        let hash = try #require(PasswordHash("$2b$04$" + String(repeating: "a", count: 53)))
        let directory = Self.directory(.hash(hash)), credentials = try #require(BasicCredentials(field: Self.basic("dTpw")))
        await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<200 {
                group.addTask {
                    if case .principal = await verifier.verify(credentials, from: Self.client, in: directory) {
                        true
                    } else {
                        false
                    }
                }
            }
            for await isRight in group { #expect(isRight) }
        }
        #expect(hashes.value == 1)
    }

    /// Made by openssl-passwd(1) and crypt(3); what they were made of does not matter.
    private static let hashes = [
        "$5$abcdefgh$ZLdkj8mkc2XVSrPVjskDAgZPGjtj1VGVaa1aUkrMTU/",
        "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$tnSYvahCwPBHKZUspmcxMfb0.WiB9W.zEaKlOBL35rC",
        "$2b$12$abcdefghijklmnopqrstuuJ1bFVyQBZVvD6v0y8QxSP6fJrQp5vKa",
        "$6$abcdefgh$yVfUwsw5T.JApa8POvClA1pQ5peiq97DUNyXCZN5IrF.BMSkiaLQ5kvpuEm/VQ1Tvh/KV2TcaWh8qinoW5dhA1",
    ]

    @Test func `an unknown user costs what the dearest stored hash costs, and so does a wrong password of a cheaper one`()
        async throws
    {
        let dearest = try #require(PasswordHash(Self.hashes[2]))
        let users = try Self.hashes.enumerated().map { index, text -> (credential: Credential, principal: Principal) in
            (.hash(try #require(PasswordHash(text))), Principal(name: "u\(index)", rules: []))
        }
        let directory = UserDirectory(generation: 1, users: users, anonymous: nil)
        for (login, expected) in [
            ("eDpw", [dearest]), ("dTA6cA==", [try #require(PasswordHash(Self.hashes[0])), dearest]), ("dTI6cA==", [dearest]),
        ] {
            let hashed = Mutex<[PasswordHash]>([])
            let verifier = PasswordVerifier { hash, _ in
                hashed.withLock { $0.append(hash) }
                return false
            }
            _ = await verifier.verify(try #require(BasicCredentials(field: Self.basic(login))), from: Self.client, in: directory)
            #expect(hashed.withLock { $0 } == expected)
        }
    }

    /// Measured with the real thing, as a ratio: rounds, costs and memory are put in one order.
    @Test func `the dearer of two hashes by its parameters takes longer`() throws {
        func seconds(_ text: String) throws -> Double {
            let hash = try #require(PasswordHash(text))
            return (0..<3).map { _ in
                var start = timespec(), end = timespec()
                clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start)
                _ = hash.verify(Array("password".utf8))
                clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end)
                return Double(end.tv_sec - start.tv_sec) + Double(end.tv_nsec - start.tv_nsec) / 1e9
            }.min() ?? 0
        }
        let ordered = try Self.hashes.map { (cost: try #require(PasswordHash($0)).cost, seconds: try seconds($0)) }.sorted {
            $0.cost < $1.cost
        }
        for (cheap, dear) in zip(ordered, ordered.dropFirst()) where dear.cost > 4 * cheap.cost {
            #expect(dear.seconds > cheap.seconds)
        }
        #expect(ordered.last?.cost == (try #require(PasswordHash(Self.hashes[2])).cost))
    }

    @Test func `a client that brings many logins waits for its own, and others take turns with it`() async throws {
        let order = Mutex<[UInt8]>([])
        let verifier = PasswordVerifier { _, password in
            usleep(20_000)  // so that others come meanwhile
            order.withLock { $0.append(password[0]) }
            return false
        }
        let hash = try #require(PasswordHash("$2b$04$" + String(repeating: "a", count: 53)))
        let directory = Self.directory(.hash(hash))
        func login(_ password: UInt8, _ client: UInt64) async throws -> Bool {
            let field = Array("Basic ".utf8) + Array(Data([117, 58, password]).base64EncodedString().utf8)
            let credentials = try #require(BasicCredentials(field: field))
            let login = await verifier.verify(credentials, from: ClientNetwork(isIPv6: false, bits: client), in: directory)
            if case .invalid(.busy) = login { return false }
            return true
        }
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for password in 0..<100 as Range<UInt8> { group.addTask { try await login(password, 1) } }
            try await Task.sleep(for: .milliseconds(10))
            group.addTask { try await login(200, 2) }
            var checked = 0
            for try await wasChecked in group where wasChecked { checked += 1 }
            #expect(checked == 9, "eight of one client, and the other's")
        }
        let place = try #require(order.withLock { $0.firstIndex(of: 200) })
        #expect(place < 6, "after the two under way and one or two of the other client, not after all eight")
    }

    @Test func `an unknown name is hashed like a known one`() async throws {
        let hashes = Count()
        let verifier = PasswordVerifier { _, _ in
            hashes.add()
            return true
        }
        let hash = try #require(PasswordHash("$2b$04$" + String(repeating: "a", count: 53)))
        let login = await verifier.verify(
            try #require(BasicCredentials(field: Self.basic("eDpw"))), from: Self.client, in: Self.directory(.hash(hash)))
        guard case .invalid(.unknownUser) = login else { return #expect(Bool(false), "\(login)") }
        #expect(hashes.value == 1)
    }

    @Test func `a plain password is compared whole`() async throws {
        let directory = Self.directory(.plain(Secret(Array("p".utf8)))), verifier = PasswordVerifier()
        guard
            case .principal = await verifier.verify(
                try #require(BasicCredentials(field: Self.basic("dTpw"))), from: Self.client, in: directory)
        else {
            return #expect(Bool(false))
        }
        guard
            case .invalid(.wrongPassword) = await verifier.verify(
                try #require(BasicCredentials(field: Self.basic("dTpwOnE="))), from: Self.client, in: directory)
        else { return #expect(Bool(false)) }
    }

    @Test func `what was verified is known until its time or the users change`() {
        let cache = CredentialCache(), principal = Principal(name: "u", rules: []), now = ContinuousClock.now
        let field = Self.basic("dTpw")[...]
        #expect(cache.lookup(field, generation: 1, now: now) == nil)
        cache.insert(principal, for: field, generation: 1, now: now)
        #expect(cache.lookup(field, generation: 1, now: now + CredentialCache.lifetime - .seconds(1)) === principal)
        #expect(cache.lookup(field, generation: 1, now: now + CredentialCache.lifetime) == nil)
        #expect(cache.lookup(field, generation: 2, now: now) == nil)
        #expect(cache.lookup(Self.basic("dTpx")[...], generation: 1, now: now) == nil)
    }
}

private final class Count: Sendable {
    private let count = Atomic(0)
    var value: Int { count.load(ordering: .relaxed) }
    func add() { count.add(1, ordering: .relaxed) }
}
