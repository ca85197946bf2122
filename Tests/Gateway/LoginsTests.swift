import Access
import Crypto
import Foundation
import Testing
import Transport

@testable import Gateway

struct LoginsTests {
    private static let users = UserDirectory(
        generation: 1, users: [(.plain(Secret(Array("p".utf8))), Principal(name: "u", rules: []))], anonymous: nil)

    private static func field(_ user: String, _ password: String, scheme: String = "Basic ") -> ArraySlice<UInt8> {
        Array((scheme + Data("\(user):\(password)".utf8).base64EncodedString()).utf8)[...]
    }

    private static func verify(_ logins: Logins, _ field: ArraySlice<UInt8>) async throws -> Login {
        await logins.verify(field, from: try #require(SocketAddress("127.0.0.1:1")), in: users)
    }

    @Test func `a user name that is too long is unknown, and is neither counted nor kept`() async throws {
        let logins = Logins(failuresPerMinute: 1), name = String(repeating: "n", count: UserDirectory.maxNameBytes + 1)
        for number in 0..<100 {
            guard case .invalid(.unknownUser) = try await Self.verify(logins, Self.field(name, "\(number)")) else {
                return #expect(Bool(false), "\(number)")
            }
        }
    }

    @Test func `the limit of failed logins can change, and counts what failed before`() async throws {
        let logins = Logins(failuresPerMinute: 10)
        for number in 0..<3 { _ = try await Self.verify(logins, Self.field("u", "guess \(number)")) }
        logins.limit(failuresPerMinute: 3)
        guard case .throttled = try await Self.verify(logins, Self.field("u", "fourth")) else { return #expect(Bool(false)) }
        logins.limit(failuresPerMinute: 4)
        guard case .invalid(.wrongPassword) = try await Self.verify(logins, Self.field("u", "fourth")) else {
            return #expect(Bool(false))
        }
    }

    @Test func `a login is the same with other blanks and padding`() async throws {
        let logins = Logins(failuresPerMinute: 1)
        guard case .principal = try await Self.verify(logins, Self.field("u", "p")) else { return #expect(Bool(false)) }
        for number in 0..<3 { _ = try await Self.verify(logins, Self.field("u", "guess \(number)")) }
        guard case .throttled = try await Self.verify(logins, Self.field("u", "another guess")) else { return #expect(Bool(false)) }
        for scheme in ["Basic ", "basic ", "BASIC   "] {
            guard case .principal = try await Self.verify(logins, Self.field("u", "p", scheme: scheme)) else {
                return #expect(Bool(false), "\(scheme)")
            }
        }
        // The first wrong one is known; whoever brings it again is told so, and not held back.
        guard case .invalid(.wrongPassword) = try await Self.verify(logins, Self.field("u", "guess 0", scheme: "basic  ")) else {
            return #expect(Bool(false))
        }
    }
}
