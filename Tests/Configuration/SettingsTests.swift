import Access
import Crypto
import Foundation
import HTTP
import Logging
import Registry
import Telemetry
import Testing
import Transport

@testable import Configuration

struct SettingsTests {
    static func read(_ text: String, environment: [String: String] = [:]) throws -> Settings {
        try SettingsFile.parse(text, file: "berth.yaml", environment: environment)
    }

    /// Every key.
    static func everything(in folder: Folder) -> String {
        """
        listeners:
          - address: 0.0.0.0:5000
            tls:
              certificate: \(folder["tls.crt"])
              private_key: \(folder["tls.key"])
              client_ca: \(folder["ca.pem"])
            public_url: HTTPS://Registry.Example.com./
            trusted_proxies: [10.0.0.0/8, "fd00::/8", 192.0.2.1]
          - address: "[::1]:0"
        admin:
          address: 127.0.0.1:5001
        upstreams:
          - name: main
            registry: \(registry)
            fallbacks: [123456789012.dkr.ecr.eu-central-1.amazonaws.com, 210987654321.DKR.ecr.eu-west-1.amazonaws.com]
            blobs: redirect
            limits: {concurrent: 50, requests_per_second: 200, quotas: {PutImage: 50}}
            credentials:
              source: profile
              profile: ci
              assume_role: {arn: "arn:aws:iam::123456789012:role/pull", external_id: x/1, session_name: me, duration: 2h}
            create_repositories:
              match: ["team-a/**"]
              tag_mutability: IMMUTABLE
              scan_on_push: true
              kms_key: alias/ecr
              tags: {owner: platform}
              policy_file: \(folder["policy.json"])
              lifecycle_policy_file: \(folder["lifecycle.json"])
        routes:
          - host: registry.example.com
            namespace: docker.io
            prefix: team-a/
            upstream: main
            upstream_prefix: acme/team-a/
          - {upstream: main, prefix: base/}
        users:
          - name: rancher
            password_hash: "\(Hashes.bcrypt)"
            access:
              - repositories: ["team-a/**", "base/*"]
                actions: [pull, push]
          - {name: ci, password_file: \(folder["password"])}
        users_file: \(folder["htpasswd"])
        access_default: [{repositories: [base/app], actions: [list, delete]}]
        anonymous: {access: [{repositories: ["public/**"], actions: [pull]}]}
        cache: {directory: /var/cache/berth/, size: 50GiB, stale: 72h}
        connect_to:
          "api.ecr.eu-west-1.amazonaws.com:443": "127.0.0.1:8445"
          "*.s3.eu-west-1.amazonaws.com:443": "[::1]:8444"
        ca_file: \(folder["ca.pem"])
        limits: {head: 64KiB, head_fields: 50, connections: 100, connections_per_client: 10, failed_logins_per_minute: 3}
        timeouts: {head: 11s, tls_handshake: 12s, idle: 1m, stall: 500ms, connect: 6s, response: 1h, drain: 24h}
        log: {level: debug, format: text}
        workers: 4
        """
    }

    static func folder() throws -> Folder {
        try Folder(
            [
                "policy.json": "{\"p\":1}", "lifecycle.json": "{\"l\":1}", "password": "no secret\n",
                "htpasswd": "carol:\(Hashes.yescrypt)\n",
            ], certificate: "tls")
    }

    @Test func `every key of a file is read`() throws {
        let folder = try Self.folder()
        let settings = try Self.read(Self.everything(in: folder), environment: ["AWS_REGION": "x"])

        #expect(settings.listeners.map(\.address.description) == ["0.0.0.0:5000", "[::1]:0"])
        let files = try TLSFiles(
            certificate: folder["tls.crt"], privateKey: folder["tls.key"], clientCA: folder["ca.pem"])
        #expect(settings.listeners.map(\.tls) == [files, nil])
        #expect(settings.listeners.map(\.publicURL?.description) == ["https://registry.example.com", nil])
        let networks = try ["10.0.0.0/8", "fd00::/8", "192.0.2.1"].map { try #require(Network($0)) }
        #expect(settings.listeners.map(\.trustedProxies) == [networks, []])
        #expect("\(settings.admin)" == "127.0.0.1:5001")

        let upstream = try #require(settings.upstreams.first)
        #expect(upstream.name == "main" && upstream.registry == ECRHost(registry) && upstream.blobs == .redirect)
        #expect(
            upstream.fallbacks.map(\.host) == [
                "123456789012.dkr.ecr.eu-central-1.amazonaws.com", "210987654321.dkr.ecr.eu-west-1.amazonaws.com",
            ])
        let fallback = upstream.registries[1]
        #expect(fallback.registry.region == "eu-central-1" && fallback.credentials == upstream.credentials)
        #expect(fallback.fallbacks.isEmpty && fallback.createRepositories == nil, "nothing is written to a fallback")
        #expect(upstream.credentials?.source == .profile && upstream.credentials?.profile == "ci")
        let role = AssumedRole(arn: "arn:aws:iam::123456789012:role/pull", sessionName: "me", externalID: "x/1", seconds: 7200)
        #expect(upstream.credentials?.assumeRole == role)
        let creation = try #require(upstream.createRepositories)
        #expect(creation.match == [glob("team-a/**")] && creation.tagMutability == "IMMUTABLE" && creation.scanOnPush == true)
        #expect(creation.kmsKey == "alias/ecr" && creation.tags == ["owner": "platform"])
        #expect(upstream.limits.concurrent == 50 && upstream.limits.requestsPerSecond == 200)
        #expect(upstream.limits.quotas == [.putImage: 50])
        #expect(creation.policy == "{\"p\":1}" && creation.lifecyclePolicy == "{\"l\":1}")

        #expect(settings.routes.map(\.host) == [HostName("registry.example.com"), nil])
        #expect(settings.routes.map(\.namespace) == [HostName("docker.io"), nil])
        #expect(settings.routes.map(\.prefix) == ["team-a/", "base/"].map { Array($0.utf8) })
        #expect(
            settings.routes.map(\.upstreamPrefix) == ["acme/team-a/", "base/"].map { Array($0.utf8) },
            "without upstream_prefix the prefix stays")

        #expect(settings.connectTo.target(of: "API.ecr.eu-west-1.amazonaws.com.", 443)?.description == "127.0.0.1:8445")
        #expect(settings.connectTo.target(of: "layers.s3.eu-west-1.amazonaws.com", 443)?.description == "[::1]:8444")
        #expect(settings.caFile?.path == folder["ca.pem"] && settings.workers == 4 && settings.environment == ["AWS_REGION": "x"])
        #expect(settings.log.level == .debug && settings.log.format == .text)
        let cache = try #require(settings.cache)
        #expect(cache == ConfiguredCache(directory: "/var/cache/berth", size: 50 << 30, stale: .seconds(72 * 3600)))
    }

    @Test func `limits and timeouts are read in their units`() throws {
        let folder = try Self.folder()
        let settings = try Self.read(Self.everything(in: folder))
        let limits = settings.limits, timeouts = settings.timeouts
        #expect(limits.counts == [65536, 50, 100, 10, 3])
        #expect([timeouts.head, timeouts.tlsHandshake, timeouts.idle] == [.seconds(11), .seconds(12), .seconds(60)])
        #expect([timeouts.stall, timeouts.connect] == [.milliseconds(500), .seconds(6)])
        #expect([timeouts.response, timeouts.drain] == [.seconds(3600), .seconds(86400)])
    }

    @Test func `users come from the file and the users file; those without rules get the common ones`() throws {
        let folder = try Self.folder()
        let settings = try Self.read(Self.everything(in: folder))
        let common = [AccessRule(repositories: [glob("base/app")], actions: [.list, .delete])]
        #expect(settings.users.map(\.name) == ["rancher", "ci", "carol"])
        #expect(
            settings.users.map(\.access) == [
                [AccessRule(repositories: [glob("team-a/**"), glob("base/*")], actions: [.pull, .push])], common, common,
            ])
        #expect(settings.anonymous == [AccessRule(repositories: [glob("public/**")], actions: [.pull])])
        #expect(settings.users.map(\.credential) == [hashed(Hashes.bcrypt), plain("no secret"), hashed(Hashes.yescrypt)])
        #expect(!"\(settings)".contains("no secret") && !"\(settings)".contains(Hashes.bcrypt))
    }

    @Test func `keys that are absent have their defaults`() throws {
        let settings = try Self.read(sound)
        #expect(settings.listeners.map(\.address.description) == ["0.0.0.0:5000"] && settings.listeners[0].tls == nil)
        #expect("\(settings.admin)" == "127.0.0.1:5001" && settings.upstreams[0].blobs == .stream)
        #expect(settings.upstreams[0].credentials == nil && settings.upstreams[0].createRepositories == nil)
        #expect(settings.routes.isEmpty && settings.users.isEmpty && settings.connectTo.isEmpty)
        #expect(settings.caFile == nil && settings.workers == nil && settings.log.format == nil && settings.log.level == .info)
        let limits = settings.limits, timeouts = settings.timeouts
        #expect(limits.counts == [32768, 100, 10_000, 1000, 10])
        #expect([timeouts.head, timeouts.tlsHandshake, timeouts.idle, timeouts.stall] == [10, 10, 75, 60].map { .seconds($0) })
        #expect([timeouts.connect, timeouts.response, timeouts.drain] == [5, 120, 1800].map { .seconds($0) })
    }

    @Test func `a variable is replaced by its value, and a missing one is a problem`() throws {
        let file = sound + "log: {level: \"${A}${B}\"}\nca_file: \"${C}/${D}\"\nworkers: \"${A\""
        #expect(
            problems(file, environment: ["A": "de", "B": "bug"]) == [
                "berth.yaml:4: ca_file: the environment variable C is not set; set it, or write the value here",
                "berth.yaml:4: ca_file: the environment variable D is not set; set it, or write the value here",
                "berth.yaml:5: workers: '${' has no '}'; write ${NAME}",
            ])
        #expect(try Self.read(sound + "log: {level: \"${A}${B}\"}", environment: ["A": "de", "B": "bug"]).log.level == .debug)
    }

    @Test func `a hash's dollar signs are no variables`() throws {
        let file = sound + "users: [{name: a, password_hash: \(Hashes.sha256), access: []}]"
        #expect(try Self.read(file).users.map(\.credential) == [hashed(Hashes.sha256)])
    }

    @Test(arguments: [
        ("0.0.0.0:5000", "0.0.0.0:5000"), (":5000", "0.0.0.0:5000"), ("[::]:5000", "[::]:5000"), ("[::1]:0", "[::1]:0"),
        ("5000", nil),
        ("0.0.0.0", nil), ("::1:5000", nil), ("[127.0.0.1]:1", nil), ("1.2.3:1", nil), ("1.2.3.4:-1", nil), ("1.2.3.4:65536", nil),
        ("", nil), ("[::1]", nil), ("a:1", nil),
    ])
    func `an address is an IP address and a port`(_ text: String, _ expected: String?) {
        #expect(ListenAddress.parse(text)?.description == expected)
    }

    @Test(arguments: [
        ("secret", "secret"), ("secret\n", "secret"), ("secret\r\n", "secret"), (" s \n\n", " s \n"), ("\n", nil), ("", nil),
    ])
    func `one line end at the end of a password file is removed`(_ text: String, _ password: String?) throws {
        let folder = try Folder(["password": text])
        #expect(Files.password(folder["password"]) == password)
    }

    @Test func `a file longer than its bound is not read`() throws {
        let folder = try Folder([
            "fits": String(repeating: "a", count: 4 << 20), "over": String(repeating: "a", count: (4 << 20) + 1),
        ])
        #expect(Files.text(folder["fits"])?.utf8.count == 4 << 20)
        #expect(Files.text(folder["over"]) == nil)
        #expect(Files.text("/dev/zero") == nil, "endless")
        #expect(Files.text(folder.path) == nil && Files.text("/nonexistent") == nil)
    }
}

extension Settings.Limits {
    var counts: [Int] { [head, headFields, connections, connectionsPerClient, failedLoginsPerMinute] }
}

func plain(_ password: String) -> Credential { .plain(Secret(Array(password.utf8))) }

func hashed(_ text: String) -> Credential? { PasswordHash(text).map { .hash($0) } }
