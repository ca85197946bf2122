import Foundation
import Testing

@testable import AWS

/// Random files, read as botocore reads them, or rejected at the same line.
@Suite struct SharedFileOracleTests {
    private struct Case: Decodable {
        let config: Data, credentials: Data, configLine: Int?, credentialsLine: Int?, read: Read?
        struct Read: Decodable, Equatable { let profiles: Sections, sso_sessions: Sections, services: Sections }
        typealias Sections = [String: [String: Value]]
    }

    private enum Value: Decodable, Equatable {
        case text(String)
        case nested([String: String])

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let text = try? container.decode(String.self) {
                self = .text(text)
            } else {
                self = .nested(try container.decode([String: String].self))
            }
        }

        init(_ setting: SharedFile.Setting) {
            self = setting.nested.isEmpty ? .text(setting.value) : .nested(setting.nested.mapValues(\.value))
        }
    }

    private static func values(_ sections: [String: SharedFile.Section]) -> Case.Sections {
        sections.mapValues { $0.mapValues(Value.init) }
    }

    @Test(.needsBotocore) func `random files are read as botocore reads them`() async throws {
        let seed = UInt16.random(in: 0 ... .max), count = 600
        let cases: [Case] = try await Botocore.cases("shared-file-oracle", [String(seed), String(count)])
        #expect(cases.count == count && cases.contains { $0.read != nil } && cases.contains { $0.configLine != nil })
        for (number, expected) in cases.enumerated() {
            let name = "seed \(seed), case \(number)"
            let config = Self.read(expected.config, .config), credentials = Self.read(expected.credentials, .credentials)
            #expect(config.line == expected.configLine, "\(name), config: \(config.message ?? "no mistake")")
            #expect(credentials.line == expected.credentialsLine, "\(name), credentials: \(credentials.message ?? "no mistake")")
            guard let read = expected.read, let config = config.file, let credentials = credentials.file else { continue }
            #expect(Self.values(config.ssoSessions) == read.sso_sessions, "\(name)")
            #expect(Self.values(config.services) == read.services, "\(name)")
            let both = SharedFiles(config: config, credentials: credentials)
            let profiles = Set(config.profiles.keys).union(credentials.profiles.keys)
            #expect(profiles == Set(read.profiles.keys), "\(name)")
            for profile in profiles {
                #expect(both.profile(profile)?.mapValues(Value.init) == read.profiles[profile], "\(name), profile \(profile)")
            }
        }
    }

    private static func read(_ bytes: Data, _ kind: SharedFile.Kind) -> (file: SharedFile?, line: Int?, message: String?) {
        do throws(CredentialError) {
            return (try SharedFile(Array(bytes), path: "file", kind: kind), nil, nil)
        } catch {
            return (nil, error.message.split(separator: ":").dropFirst().first.flatMap { Int($0) }, error.message)
        }
    }

    @Test(arguments: [
        ("[default]\nregion = x\nwhat is this\n", "file:3: neither [a section] nor name = value"),
        ("region = x\n", "file:1: neither a comment nor [a section]"), ("\u{FEFF}[default]\n", "file:1: a byte order mark"),
        ("[a]\n[b]\n[a]\n", "file:3: there is a section [a] already"),
        ("[a]\r\nx = 1\r\nX = 2\r\n", "file:3: x is set already in [a]"),
        ("[a]\ns3 =\n  y\n", "file:3: not name = value"),
    ]) func `mistakes in a file are errors that name the line`(_ text: String, _ words: String) {
        let message = Self.read(Data(text.utf8), .credentials).message
        #expect(message?.hasPrefix(words) == true, "\(message ?? "no mistake")")
    }
}
