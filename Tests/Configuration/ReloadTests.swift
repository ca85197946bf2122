import Foundation
import Testing
import Transport

@testable import Configuration

/// What a reload may change, and how its log line says what changed.
struct ReloadTests {
    static func read(_ text: String) throws -> Settings { try SettingsFile.parse(text, file: "berth.yaml", environment: [:]) }

    static let two = """
        upstreams: [{name: main, registry: \(registry)}, {name: hub, registry: public.ecr.aws}]
        anonymous: {access: [{repositories: ["**"], actions: [pull]}]}

        """

    @Test(arguments: [
        ("listeners: [{address: \"127.0.0.1:1\"}]", ["listeners[].address"]),
        ("admin: {address: \"127.0.0.1:1\"}", ["admin.address"]),
        ("limits: {failed_logins_per_minute: 3}", ["limits.failed_logins_per_minute"]),
        ("log: {level: debug}\nworkers: 3", ["log", "workers"]),
        ("limits: {head: 64KiB}\ntimeouts: {idle: 5s, connect: 1s}", []),
        ("connect_to: {\"a.example:443\": \"127.0.0.1:1\"}", []),
        ("routes: [{upstream: main}]", []),
    ])
    func `a changed key that takes a restart is named`(change: String, keys: [String]) throws {
        #expect(try SettingsChanges(from: Self.read(sound), to: Self.read(sound + change)).keysTakingRestart == keys)
    }

    /// A new key must be added to those that a reload changes, or to those that take a restart.
    @Test func `each key is either reloaded or takes a restart`() {
        let reloaded = ["upstreams", "routes", "users", "anonymous", "connectTo", "timeouts", "tokenKey", "warnings"]
        let partly = ["listeners", "limits"]
        let fixed = ["admin", "caFile", "log", "workers", "environment", "origin"]
        #expect(Set(Mirror(reflecting: Settings()).children.compactMap(\.label)) == Set(reloaded + partly + fixed))
        #expect(
            SettingsChanges.fixed.count == partly.count + fixed.count - 2, "environment and origin cannot differ in one process")
        let limits = ["head", "headFields", "connections", "connectionsPerClient", "failedLoginsPerMinute"]
        #expect(Mirror(reflecting: Settings.Limits()).children.compactMap(\.label) == limits)
        let listener = Settings.Listener(address: SocketAddress(ipv4: (0, 0, 0, 0), port: 0))
        #expect(Mirror(reflecting: listener).children.compactMap(\.label) == ["address", "tls", "publicURL", "trustedProxies"])
    }

    @Test(arguments: [
        ("", "upstreams: hub added"),
        ("routes: [{upstream: hub}]\ntimeouts: {idle: 5s}", "upstreams: hub added; routes; timeouts"),
        ("users: [{name: ci, password_hash: \"\(Hashes.bcrypt)\", access: []}]", "upstreams: hub added; users: ci added"),
    ])
    func `a change is named by its key`(change: String, summary: String) throws {
        #expect(try SettingsChanges(from: Self.read(sound), to: Self.read(Self.two + change)).summary == summary)
    }

    @Test func `a changed or removed upstream or user is named`() throws {
        func user(_ hash: String) -> String { "users: [{name: ci, password_hash: \"\(hash)\", access: []}]" }
        let before = try Self.read(Self.two + user(Hashes.bcrypt))
        let after = try Self.read(
            sound.replacingOccurrences(of: "\(registry)}", with: "\(registry), blobs: redirect}") + user(Hashes.sha512))
        #expect(SettingsChanges(from: before, to: after).summary == "upstreams: main changed, hub removed; users: ci changed")
        #expect(SettingsChanges(from: before, to: before).summary == "")
    }

    @Test func `a certificate renewed at the same path is a change`() throws {
        let folder = try Folder(certificate: "tls")
        let text =
            sound
            + "listeners: [{address: \"127.0.0.1:1\", tls: {certificate: \(folder["tls.crt"]), private_key: \(folder["tls.key"])}}]"
        let before = try Self.read(text)
        #expect(try SettingsChanges(from: before, to: Self.read(text)).summary == "")
        try folder.issue("tls")
        #expect(try SettingsChanges(from: before, to: Self.read(text)).summary == "certificates: \(folder["tls.crt"])")
    }
}
