import Access
import Configuration
import Crypto
import Foundation
import Testing

@testable import Gateway

struct ConfigurationSnapshotTests {
    @Test func `a route to an upstream that does not exist is an error`() throws {
        let text = """
            upstreams: [{name: main, registry: public.ecr.aws}]
            anonymous: {access: [{repositories: ["**"], actions: [pull]}]}
            routes: [{prefix: hub/, upstream: main}]
            """
        let settings = try SettingsFile.parse(text, file: "berth.yaml", environment: [:])
        let users = UserDirectory(generation: 1, users: [], anonymous: nil)
        let error = #expect(throws: ConfigurationProblems.self) { try ConfigurationSnapshot(settings, upstreams: [], users: users) }
        #expect(error?.lines.first?.contains("no upstream is named 'main'") == true)
    }

    private static func snapshot(_ listeners: String, replacing former: ConfigurationSnapshot? = nil) throws
        -> ConfigurationSnapshot
    {
        let text = """
            upstreams: [{name: main, registry: public.ecr.aws}]
            anonymous: {access: [{repositories: ["**"], actions: [pull]}]}
            listeners: [\(listeners)]
            """
        let settings = try SettingsFile.parse(text, file: "berth.yaml", environment: [:])
        let users = UserDirectory(generation: 1, users: [], anonymous: nil)
        return try ConfigurationSnapshot(settings, upstreams: [upstream("main")], users: users, replacing: former)
    }

    @Test func `a listener keeps its number whatever is added or removed before it, and no number is used twice`() throws {
        let first = try Self.snapshot(#"{address: ":1"}, {address: ":2"}"#)
        #expect(first.listeners.map(\.number) == [0, 1])
        let second = try Self.snapshot(#"{address: ":3"}, {address: ":2"}"#, replacing: first)
        #expect(second.listeners.map(\.number) == [2, 1])
        #expect(second.listeners[1] === first.listeners[1], "unchanged")
        let third = try Self.snapshot(#"{address: ":1"}, {address: ":2", public_url: "https://a"}"#, replacing: second)
        #expect(third.listeners.map(\.number) == [3, 1])
        #expect(third.listener(0) == nil && third.listener(2) === second.listeners[0] && third.listener(3) === third.listeners[0])
    }

    @Test func `a connection goes on at a listener that is still there, and ends with one that is removed`() throws {
        let first = try Self.snapshot(#"{address: ":1"}, {address: ":2"}"#)
        let second = try Self.snapshot(#"{address: ":2", public_url: "https://a"}"#, replacing: first)
        #expect(second.policy(continuing: first.listeners[0]) == nil)
        #expect(second.policy(continuing: first.listeners[1]) === second.listeners[0])
        #expect(
            try Self.snapshot(#"{address: ":1"}"#, replacing: second).policy(continuing: first.listeners[0]) == nil, "a new one")
    }

    @Test func `a connection ends when its listener demands something else of clients, but not when a certificate is renewed`()
        throws
    {
        let folder = FileManager.default.temporaryDirectory.appending(path: "berth-snapshot-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        func path(_ name: String) -> String { folder.appending(path: name).path }
        func issue() throws {
            let authority = try CertificateAuthority(name: "test")
            if !FileManager.default.fileExists(atPath: path("ca")) { try authority.write(to: path("ca")) }
            try authority.issue(for: ["localhost"]).write(chain: path("crt"), privateKey: path("key"))
        }
        try issue()
        let files = "certificate: \(path("crt")), private_key: \(path("key"))"
        let plain = try Self.snapshot(#"{address: ":1"}"#)
        let tls = try Self.snapshot("{address: ':1', tls: {\(files)}}", replacing: plain)
        #expect(tls.policy(continuing: plain.listeners[0]) == nil)
        try issue()
        let renewed = try Self.snapshot("{address: ':1', tls: {\(files)}}", replacing: tls)
        #expect(renewed.listeners[0] !== tls.listeners[0])
        #expect(renewed.policy(continuing: tls.listeners[0]) === renewed.listeners[0])
        let clients = try Self.snapshot("{address: ':1', tls: {\(files), client_ca: \(path("ca"))}}", replacing: renewed)
        #expect(clients.policy(continuing: tls.listeners[0]) == nil)
        try CertificateAuthority(name: "other").write(to: path("ca"))
        let others = try Self.snapshot("{address: ':1', tls: {\(files), client_ca: \(path("ca"))}}", replacing: clients)
        #expect(others.policy(continuing: clients.listeners[0]) == nil && others.listeners[0].number == 0)
    }
}
