import Configuration
import Crypto
import Foundation
import Testing

@testable import AWS

/// Random profiles that refer to one another: Berth finds the credentials that botocore finds, or the same kind of mistake.
@Suite struct ProfileOracleTests {
    private struct Case: Decodable { let config: String, credentials: String, profile: String, outcome: String }

    @Test(.needsBotocore) func `random profiles lead to the credentials that botocore finds`() async throws {
        let seed = UInt16.random(in: 0 ... .max), count = 300
        let cases: [Case] = try await Botocore.cases("profile-oracle", [String(seed), String(count)])
        #expect(cases.count == count * 5)
        for (number, expected) in cases.enumerated() {
            let files = SharedFiles(
                config: try SharedFile(Array(expected.config.utf8), path: "config", kind: .config),
                credentials: try SharedFile(Array(expected.credentials.utf8), path: "credentials", kind: .credentials))
            let outcome = Self.outcome(of: expected.profile, files)
            // botocore ignores a secret without an access key id; Berth reports the missing half.
            if outcome == "half a pair", ["nothing", "empty source"].contains(expected.outcome) { continue }
            #expect(
                outcome == expected.outcome,
                "seed \(seed), case \(number), profile \(expected.profile):\n\(expected.config)\n\(expected.credentials)")
        }
    }

    private static func outcome(of profile: String, _ files: SharedFiles) -> String {
        do throws(CredentialError) {
            return try ProfileReader(files: files).plan(of: profile).map { "found \(written($0))" } ?? "nothing"
        } catch {
            return kinds.first { error.message.contains($0.0) }?.1 ?? error.message
        }
    }

    private static let kinds = [
        ("leads in a circle", "circle"), ("names itself as source_profile", "circle"), ("half of a key pair", "half a pair"),
        ("needs a source_profile or a credential_source", "no source"), ("are both set", "two sources"),
        ("is not known; write one of", "unknown source"), ("is in neither", "no such profile"),
        ("has no credentials", "empty source"),
        ("needs a role_arn beside it", "no role"), ("for single sign-on", "half of single sign-on"),
    ]

    private static func written(_ plan: ProfilePlan) -> String {
        func name(_ role: AssumedRole) -> String { role.arn + (role.externalID.map { "(\($0))" } ?? "") }
        switch plan {
        case .keys(let keys): return keys.accessKeyID + (keys.sessionToken.map { "+\($0.reveal)" } ?? "")
        case .role(let role, let base): return "\(name(role)) by \(written(base))"
        case .machine(let source): return source.rawValue
        case .webIdentity(let role, let file): return "\(name(role)) by \(file)"
        case .singleSignOn(let grant): return "sso \(grant.role) in \(grant.region)"
        case .process(let command, _): return "process \(command)"
        }
    }
}
