import Crypto
import Foundation
import Testing

@testable import Configuration

/// What tells a reload what it may take up, and its log line what it did.
struct ReloadTests {
    static func read(_ text: String) throws -> Settings { try Settings.parse(text, file: "berth.yaml", environment: [:]) }

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
    func `a key that a running process cannot change is named`(change: String, keys: [String]) throws {
        #expect(try Self.read(sound + change).keysTakingRestart(since: Self.read(sound)) == keys)
    }

    /// A key that is added must be put with those that a reload takes up, or with those that take a restart.
    @Test func `there is no key that nobody has thought of`() {
        let takenUp = ["upstreams", "routes", "users", "anonymous", "connectTo", "timeouts", "tokenKey", "warnings"]
        let partly = ["listeners", "limits"]
        let fixed = ["admin", "caFile", "log", "workers", "environment", "origin"]
        #expect(Set(Mirror(reflecting: Settings()).children.compactMap(\.label)) == Set(takenUp + partly + fixed))
        #expect(Settings.fixed.count == partly.count + fixed.count - 2, "environment and file are the process's, and cannot differ")
        let limits = ["head", "headFields", "connections", "connectionsPerClient", "failedLoginsPerMinute"]
        #expect(Mirror(reflecting: Settings.Limits()).children.compactMap(\.label) == limits)
        let listener = Settings.Listener(address: .init(host: "::", port: 0))
        #expect(Mirror(reflecting: listener).children.compactMap(\.label) == ["address", "tls", "publicURL", "trustedProxies"])
    }

    @Test(arguments: [
        ("", "upstreams: hub added"),
        ("routes: [{upstream: hub}]\ntimeouts: {idle: 5s}", "upstreams: hub added; routes; timeouts"),
        ("users: [{name: ci, password_hash: \"\(Hashes.bcrypt)\", access: []}]", "upstreams: hub added; users: ci added"),
    ])
    func `what has changed is told by its name`(change: String, told: String) throws {
        #expect(try Self.read(Self.two + change).changes(since: Self.read(sound)) == told)
    }

    @Test func `an upstream and a user that are changed or gone are told`() throws {
        func user(_ hash: String) -> String { "users: [{name: ci, password_hash: \"\(hash)\", access: []}]" }
        let before = try Self.read(Self.two + user(Hashes.bcrypt))
        let after = try Self.read(
            sound.replacingOccurrences(of: "\(registry)}", with: "\(registry), blobs: redirect}") + user(Hashes.sha512))
        #expect(after.changes(since: before) == "upstreams: main changed, hub removed; users: ci changed")
        #expect(before.changes(since: before) == "")
    }

    @Test func `a certificate that was renewed at its path has changed`() throws {
        let folder = try Folder(certificate: "tls")
        let text =
            sound
            + "listeners: [{address: \"127.0.0.1:1\", tls: {certificate: \(folder["tls.crt"]), private_key: \(folder["tls.key"])}}]"
        let before = try Self.read(text)
        #expect(try Self.read(text).changes(since: before) == "")
        try folder.issue("tls")
        #expect(try Self.read(text).changes(since: before) == "certificates: \(folder["tls.crt"])")
    }
}

/// Files that are there and cannot be used are problems of their keys: `check`, `serve` and a reload all say so.
struct TLSProblemTests {
    private let folder: Folder

    init() throws {
        folder = try Folder(["text": "no PEM"], certificate: "other")
        try folder.issue("tls")
    }

    private func found(_ certificate: String, _ key: String, clientCA: String? = nil, rest: String = "") -> [String] {
        let authority = clientCA.map { ", client_ca: \(folder[$0])" } ?? ""
        return problems(
            sound
                + "listeners: [{address: \":1\", tls: {certificate: \(folder[certificate]), private_key: \(folder[key])\(authority)}}]\n"
                + rest)
    }

    @Test func `what can be used is none`() {
        #expect(found("tls.crt", "tls.key", clientCA: "ca.pem", rest: "ca_file: \(folder["ca.pem"])") == [])
    }

    @Test func `a key of another certificate`() {
        let told = found("tls.crt", "other.key")
        #expect(told.count == 1 && told[0].hasPrefix("berth.yaml:3: listeners[0].tls.private_key: '\(folder["other.key"])' is not"))
        #expect(told[0].contains("key values mismatch") && told[0].contains("; name "))
    }

    @Test func `a certificate that is none`() {
        #expect(
            found("text", "tls.key")[0].hasPrefix(
                "berth.yaml:3: listeners[0].tls.certificate: '\(folder["text"])' is not a certificate"))
    }

    @Test func `authorities that are none`() {
        #expect(found("tls.crt", "tls.key", clientCA: "text")[0].hasPrefix("berth.yaml:3: listeners[0].tls.client_ca: '"))
        #expect(found("tls.crt", "tls.key", rest: "ca_file: \(folder["text"])")[0].hasPrefix("berth.yaml:4: ca_file: '"))
    }

    @Test func `the environment's are looked at too`() {
        let told = problems(environment: [
            "BERTH_REGISTRY": registry, "BERTH_USERNAME": "u", "BERTH_PASSWORD": "p", "BERTH_TLS_CERTIFICATE": folder["tls.crt"],
            "BERTH_TLS_PRIVATE_KEY": folder["other.key"],
        ])
        #expect(told.count == 1 && told[0].hasPrefix("environment: BERTH_TLS_PRIVATE_KEY: '"))
    }

    @Test func `the first end of the chain counts`() throws {
        let server = try TLSServer(certificateChain: folder["tls.crt"], privateKey: folder["tls.key"])
        #expect(abs(server.expiresAt - Int(Date().timeIntervalSince1970) - 86_400) < 60)
    }
}
