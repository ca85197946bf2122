import Testing

@testable import Configuration

struct ConfigurationTests {
    static let registry = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
    static let hash = "$2b$12$" + String(repeating: "a", count: 53)
    static let least = """
        upstreams: [{name: main, registry: \(registry)}]
        users: [{name: u, password_hash: "\(hash)", access: [{repositories: ["**"], actions: [pull]}]}]

        """

    static func problems(_ text: String, environment: [String: String] = [:]) -> [String] {
        do throws(ConfigurationProblems) {
            _ = try Settings.parse(text, file: "berth.yaml", environment: environment)
            return []
        } catch { return error.lines }
    }

    @Test func `the least file has every default of the contract`() throws {
        let settings = try Settings.parse(Self.least, file: "berth.yaml", environment: [:])
        #expect(settings.listeners.map(\.address.description) == ["0.0.0.0:5000"] && settings.admin.description == "127.0.0.1:5001")
        #expect(settings.limits.head == 32 << 10 && settings.timeouts.drain == .seconds(1800) && settings.workers == nil)
        #expect(settings.upstreams[0].blobs == .stream && settings.log.level == .info)
    }

    @Test func `a file with every kind of key is read`() throws {
        let settings = try Settings.parse(
            """
            listeners:
              - address: "[::1]:0"
                public_url: https://registry.example.com/
                trusted_proxies: [10.0.0.0/8, "fd00::/8"]
            admin: {address: ":5001"}
            upstreams:
              - name: main
                registry: ${HOST}
                blobs: redirect
                credentials: {source: profile, profile: ci}
                create_repositories: {match: ["team-a/**"], tag_mutability: IMMUTABLE, scan_on_push: true, kms_key: alias/ecr, tags: {owner: a}}
            routes: [{host: h, namespace: docker.io, prefix: team-a/, upstream: main, upstream_prefix: acme/team-a/}]
            users: [{name: u, password_hash: "\(Self.hash)", access: [{repositories: ["team-a/**", "base/*"], actions: [pull, push]}]}]
            anonymous: {access: [{repositories: ["public/*"], actions: [pull]}]}
            connect_to: {"*.s3.eu-west-1.amazonaws.com:443": "127.0.0.1:8444"}
            limits: {head: 64KiB, head_fields: 200, connections: 5, connections_per_client: 2, failed_logins_per_minute: 3}
            timeouts: {head: 500ms, tls_handshake: 1s, idle: 2m, stall: 1h, connect: 2s, response: 3s, drain: 4s}
            log: {level: debug, format: json}
            workers: 3
            """, file: "berth.yaml", environment: ["HOST": Self.registry])
        #expect(settings.listeners[0].publicURL == "https://registry.example.com" && settings.admin.host == "0.0.0.0")
        #expect(settings.upstreams[0].registry.account == "123456789012" && settings.upstreams[0].blobs == .redirect)
        #expect(settings.upstreams[0].createRepositories?.tags == ["owner": "a"])
        #expect(settings.routes[0].upstreamPrefix == "acme/team-a/")
        #expect(
            settings.limits.head == 64 << 10 && settings.timeouts.head == .milliseconds(500)
                && settings.timeouts.idle == .seconds(120))
        #expect(settings.workers == 3 && settings.log.format == .json && settings.anonymous?.count == 1)
    }

    @Test(arguments: [
        ("timeouts: {connect: 5}", "berth.yaml:3: timeouts.connect: 5 has no unit; write 5s"),
        ("timeouts: {connect: 5x}", "berth.yaml:3: timeouts.connect: 'x' is not a unit; units are ms, s, m, h"),
        ("timeouts: {connect: 2h}", "berth.yaml:3: timeouts.connect: 2h is out of bounds; allowed are 100ms to 1h"),
        ("limits: {head: 64}", "berth.yaml:3: limits.head: 64 has no unit; write 64KiB"),
        ("workers: 0", "berth.yaml:3: workers: '0' is not a whole number from 1 to 256"),
        ("timeout: {}", "berth.yaml:3: timeout: unknown key; did you mean 'timeouts'?"),
        ("timeouts: {conect: 5s}", "berth.yaml:3: timeouts.conect: unknown key; did you mean 'connect'?"),
        (
            "ca_file: /nonexistent",
            "berth.yaml:3: ca_file: '/nonexistent' cannot be read; it must be a file that Berth's user may read"
        ),
        ("ca_file: ${NOPE}", "berth.yaml:3: ca_file: the environment has no variable NOPE; set it, or write the value here"),
        (
            "routes: [{prefix: a/, upstream: other}]",
            "berth.yaml:3: routes[0].upstream: there is no upstream 'other'; named are main"
        ),
        (
            "log: {level: loud}",
            "berth.yaml:3: log.level: 'loud' is not known; use trace, debug, info, notice, warning, error, critical"
        ),
        (
            "admin: {address: localhost}",
            "berth.yaml:3: admin.address: 'localhost' is not an IP address and a port; write one like 0.0.0.0:5000, [::]:5000 or :5000"
        ),
        ("log:", "berth.yaml:3: log: this is empty; leave the key out, or fill it in"),
    ])
    func `a problem names the line, the key, what is wrong and what is allowed`(line: String, problem: String) {
        let found = Self.problems(Self.least + line)
        #expect(found.contains(problem), "\(found)")
    }

    @Test func `every problem of a file is told at once, in its order, and none tells a secret`() {
        let found = Self.problems(
            """
            upstreams: [{name: main, registry: registry.example.com}]
            users:
              - {name: "a:b", password_hash: "hunter2", access: [{repositories: ["**"], actions: [pul]}]}
              - {name: c, access: []}
            workers: many
            """)
        let lines = found.compactMap { $0.split(separator: ":").dropFirst().first.flatMap { Int($0) } }
        #expect(lines == [1, 3, 3, 3, 4, 5], "\(found)")
        #expect(!found.joined().contains("hunter2"))
    }

    @Test func `a key that is there twice is told with its name`() {
        #expect(Self.problems("workers: 1\nworkers: 2\n").contains { $0.contains("'workers' is here more than once") })
    }

    @Test func `the environment alone is enough`() throws {
        let environment = [
            "BERTH_REGISTRY": Self.registry, "BERTH_USERNAME": "u", "BERTH_PASSWORD": "p", "BERTH_LISTEN": "127.0.0.1:0",
        ]
        let settings = try EnvironmentReader(environment: environment).read()
        #expect(settings.users[0].name == "u" && settings.listeners[0].address.port == 0 && settings.upstreams[0].name == "main")
        #expect("\(settings.users[0])".contains("(secret)"))
        let error = #expect(throws: ConfigurationProblems.self) {
            try EnvironmentReader(environment: ["BERTH_PASSWORD": "secret1"]).read()
        }
        #expect(error?.lines.count == 2 && error?.description.contains("secret1") == false)
    }

    @Test func `a password file of any line ending gives all its users`() throws {
        let list = ProblemList()
        let users = PasswordFile(path: "users", problems: list).users(
            in: "a:\(Self.hash)\r\nb:\(Self.hash)\r\n# c\r\nd:$1$weak\r\nnothing\r\n", access: [])
        #expect(users.map(\.name) == ["a", "b"])
        #expect(list.lines.map(\.line) == [4, 5])
    }
}
