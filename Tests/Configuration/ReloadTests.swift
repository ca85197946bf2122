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

    static func summary(_ old: String, _ new: String) throws -> String {
        try SettingsChanges(from: read(sound + old), to: read(sound + new)).summary
    }

    @Test func `a changed key that takes a new process is named with its line`() throws {
        let problems = try SettingsChanges(from: Self.read(sound), to: Self.read(sound + "log: {level: debug}\nworkers: 3"))
            .problems
        #expect(problems.count == 1 && problems[0].hasPrefix("berth.yaml:4: workers: changed, which takes a new process"))
        let removed = try SettingsChanges(from: Self.read(sound + "workers: 3"), to: Self.read(sound)).problems
        #expect(removed.count == 1 && removed[0].hasPrefix("berth.yaml: workers: changed"))
    }

    @Test(arguments: [
        ("listeners: [{address: \"127.0.0.1:1\"}]", "listeners: 127.0.0.1:1 added, 0.0.0.0:5000 removed"),
        ("listeners: [{address: \":5000\", public_url: https://a}]", "listeners: 0.0.0.0:5000 changed"),
        ("listeners: [{address: \":5000\"}, {address: \":1\"}]", "listeners: 0.0.0.0:1 added"),
        ("admin: {address: \"127.0.0.1:1\"}", "admin.address: 127.0.0.1:5001 -> 127.0.0.1:1"),
        ("limits: {failed_logins_per_minute: 3}", "limits"), ("limits: {head: 64KiB}", "limits"),
        ("timeouts: {idle: 5s, connect: 1s}", "timeouts"), ("log: {level: debug}", "log.level"),
        ("log: {format: json}", "log.format"), ("connect_to: {\"a.example:443\": \"127.0.0.1:1\"}", "connect_to"),
        ("routes: [{upstream: main}]", "routes"), ("cache: {directory: /c}", "cache"),
        ("users: [{name: ci, password_hash: \"\(Hashes.bcrypt)\", access: []}]", "users: ci added"),
    ])
    func `each other change is made by a reload, and named`(change: String, summary: String) throws {
        let changes = try SettingsChanges(from: Self.read(sound), to: Self.read(sound + change))
        #expect(changes.problems == [] && changes.summary == summary)
    }

    /// A new key must be added to those that a reload changes, or to those that take a new process.
    @Test func `each key is either reloaded or takes a new process`() {
        let named = ["upstreams", "users", "listeners", "admin"]
        let reloaded = [
            "routes", "anonymous", "connectTo", "limits", "timeouts", "tokenKey", "adminToken", "caFile", "cache", "log",
        ]
        let fixed = ["workers"], others = ["warnings", "environment", "origin", "text", "files"]
        #expect(Set(Mirror(reflecting: Settings()).children.compactMap(\.label)) == Set(named + reloaded + fixed + others))
        #expect(SettingsChanges.fixed.count == fixed.count)
        #expect(SettingsChanges.reloaded.count == reloaded.count + 1, "the log has two keys")
        #expect(Mirror(reflecting: Settings.Log()).children.compactMap(\.label) == ["level", "format"])
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

    @Test func `a certificate renewed at the same path is a change, and so are other CAs`() throws {
        let folder = try Folder(certificate: "tls")
        let text =
            sound
            + "listeners: [{address: \"127.0.0.1:1\", tls: {certificate: \(folder["tls.crt"]), private_key: \(folder["tls.key"])}}]\n"
            + "ca_file: \(folder["ca.pem"])"
        let before = try Self.read(text)
        #expect(try SettingsChanges(from: before, to: Self.read(text)).summary == "")
        try folder.issue("tls")
        #expect(try SettingsChanges(from: before, to: Self.read(text)).summary == "certificates: \(folder["tls.crt"]); ca_file")
    }

    @Test func `TLS that is turned on or off, and a certificate that moves along with its address, are named`() throws {
        let folder = try Folder(certificate: "tls")
        let tls = "tls: {certificate: \(folder["tls.crt"]), private_key: \(folder["tls.key"])}"
        let plain = "listeners: [{address: \":1\"}, {address: \":2\", \(tls)}]"
        #expect(
            try Self.summary(plain, "listeners: [{address: \":2\"}, {address: \":1\", \(tls)}]")
                == "listeners: 0.0.0.0:2 without TLS, 0.0.0.0:1 with TLS", "the addresses are swapped")
        #expect(
            try Self.summary(plain, "listeners: [{address: \":2\", \(tls)}, {address: \":1\"}]") == "", "only the order differs")
    }

    @Test func `a configuration is read again from its own text, with the present content of its files`() throws {
        let folder = try Folder(["hash": "first\n", "berth.yaml": ""])
        let users = "users: [{name: ci, password_file: \(folder["hash"]), access: []}]\n"
        try (sound + users).write(toFile: folder["berth.yaml"], atomically: true, encoding: .utf8)
        let settings = try SettingsFile.load(file: folder["berth.yaml"], environment: [:])
        #expect(settings.files.map(\.path) == [folder["hash"]])
        try "half edi".write(toFile: folder["berth.yaml"], atomically: true, encoding: .utf8)
        #expect(try SettingsChanges(from: settings, to: SettingsFile.reread(settings)).summary == "")
        try "second\n".write(toFile: folder["hash"], atomically: true, encoding: .utf8)
        #expect(try SettingsChanges(from: settings, to: SettingsFile.reread(settings)).summary == "users: ci changed")
        #expect("\(settings)".contains("password") == false)
    }

    @Test func `every file that the configuration names is watched`() throws {
        let folder = try Folder(
            ["p": "{}", "l": "{}", "users": "", "key": String(repeating: "k", count: 40), "password": "x"], certificate: "tls")
        let settings = try Self.read(
            """
            upstreams: [{name: main, registry: \(registry), create_repositories: {match: ["**"], policy_file: \(folder["p"]), lifecycle_policy_file: \(folder["l"])}}]
            listeners: [{address: ":1", tls: {certificate: \(folder["tls.crt"]), private_key: \(folder["tls.key"]), client_ca: \(folder["ca.pem"])}}]
            users: [{name: ci, password_file: \(folder["password"]), access: []}]
            users_file: \(folder["users"])
            access_default: []
            token_key_file: \(folder["key"])
            ca_file: \(folder["ca.pem"])
            """)
        let names = ["tls.crt", "tls.key", "ca.pem", "p", "l", "users", "password", "key"]
        #expect(Set(settings.files.map(\.path)) == Set(names.map { folder[$0] }))
        let environment = [
            "BERTH_REGISTRY": registry, "BERTH_USERNAME": "u", "BERTH_PASSWORD_FILE": folder["password"],
            "BERTH_TLS_CERTIFICATE": folder["tls.crt"], "BERTH_TLS_PRIVATE_KEY": folder["tls.key"],
        ]
        let fromEnvironment = try EnvironmentReader(environment: environment).read()
        #expect(Set(fromEnvironment.files.map(\.path)) == Set(["password", "tls.crt", "tls.key"].map { folder[$0] }))
    }
}
