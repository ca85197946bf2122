import Crypto
import Foundation
import Synchronization
import Testing

@testable import Access
@testable import Transport

struct PasswordVerifierTests {
    static let client = ClientNetwork(isIPv6: false, bits: 1)

    static func directory(_ credential: Credential) -> UserDirectory {
        UserDirectory(generation: 1, users: [(credential, Principal(name: "u", rules: []))], anonymous: nil)
    }

    @Test func `the same credentials on many connections are hashed once`() async throws {
        let hashes = Count()
        let verifier = PasswordVerifier { _, password in
            hashes.add()
            usleep(200_000)  // long enough for all to arrive
            return password == Array("p".utf8)
        }
        let hash = try #require(PasswordHash("$2b$04$" + String(repeating: "a", count: 53)))
        let directory = Self.directory(.hash(hash)), credentials = try #require(BasicCredentials(field: basic("dTpw")))
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

    @Test func `an unknown user, and a wrong password for a cheap hash, take as long as the most expensive hash`()
        async throws
    {
        let costliest = try #require(PasswordHash(SampleHashes.all[2]))
        let users = try SampleHashes.all.enumerated().map { index, text -> (credential: Credential, principal: Principal) in
            (.hash(try #require(PasswordHash(text))), Principal(name: "u\(index)", rules: []))
        }
        let directory = UserDirectory(generation: 1, users: users, anonymous: nil)
        for (login, expected) in [
            ("eDpw", [costliest]), ("dTA6cA==", [try #require(PasswordHash(SampleHashes.all[0])), costliest]),
            ("dTI6cA==", [costliest]),
        ] {
            let hashed = Mutex<[PasswordHash]>([])
            let verifier = PasswordVerifier { hash, _ in
                hashed.withLock { $0.append(hash) }
                return false
            }
            _ = await verifier.verify(try #require(BasicCredentials(field: basic(login))), from: Self.client, in: directory)
            #expect(hashed.withLock { $0 } == expected)
        }
    }

    @Test func `a client with many logins waits for its own, and other clients take turns with it`() async throws {
        let order = Mutex<[UInt8]>([])
        let verifier = PasswordVerifier { _, password in
            usleep(20_000)  // so that others arrive meanwhile
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
            #expect(checked == 9, "eight of one client and one of the other")
        }
        let place = try #require(order.withLock { $0.firstIndex(of: 200) })
        #expect(place < 6, "after the two in progress and one or two of the other client, not after all eight")
    }

    @Test func `the password of an unknown user is hashed too`() async throws {
        let hashes = Count()
        let verifier = PasswordVerifier { _, _ in
            hashes.add()
            return true
        }
        let hash = try #require(PasswordHash("$2b$04$" + String(repeating: "a", count: 53)))
        let login = await verifier.verify(
            try #require(BasicCredentials(field: basic("eDpw"))), from: Self.client, in: Self.directory(.hash(hash)))
        guard case .invalid(.unknownUser) = login else { return #expect(Bool(false), "\(login)") }
        #expect(hashes.value == 1)
    }

    @Test func `a plain password is compared in full`() async throws {
        let directory = Self.directory(.plain(Secret(Array("p".utf8)))), verifier = PasswordVerifier()
        guard
            case .principal = await verifier.verify(
                try #require(BasicCredentials(field: basic("dTpw"))), from: Self.client, in: directory)
        else {
            return #expect(Bool(false))
        }
        guard
            case .invalid(.wrongPassword) = await verifier.verify(
                try #require(BasicCredentials(field: basic("dTpwOnE="))), from: Self.client, in: directory)
        else { return #expect(Bool(false)) }
    }
}

private final class Count: Sendable {
    private let count = Atomic(0)
    var value: Int { count.load(ordering: .relaxed) }
    func add() { count.add(1, ordering: .relaxed) }
}
