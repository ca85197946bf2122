import Testing

@testable import Configuration

/// Each kind of problem, with its message.
struct ProblemTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let file: String
        let lines: [String]
        var testDescription: String { lines.joined(separator: " | ") }

        /// - Parameter more: added to `sound`, from line 3 on.
        init(_ more: String, _ lines: String...) { (file, self.lines) = (sound + more, lines) }
    }

    static let actions = "pull, push, delete, list"
    static let patterns = "a list of names, * within a segment, ** across: [\"team-a/**\"]"
    static let addresses = "0.0.0.0:5000, [::]:5000 or :5000"
    static let readable = "name a file of text, of at most 4MiB, that Berth's user may read"

    static let keys = [
        Case("log: {foo: 1}", "3: log.foo: unknown key; known here: format, level"),
        Case(
            "routes:\n  - {prefix: a/, upstream: main}\n  - {prefix: a/, upstream: main, upstream_prefix: b/}",
            "5: routes[1].prefix: this route never applies, since routes[0] has the same host, namespace and prefix; remove one of them"
        ),
        Case("worker: 1", "3: worker: unknown key; did you mean 'workers'?"),
        Case("timeouts: {conect: 5s}", "3: timeouts.conect: unknown key; did you mean 'connect'?"),
        Case("limits: {haed: 32KiB}", "3: limits.haed: unknown key; did you mean 'head'?"),
        Case(
            "limits: {concurrent: 32}",
            "3: limits.concurrent: unknown key; it belongs to an upstream: upstreams[].limits.concurrent"),
        Case("log:\n  colour:\n    deep: 1", "4: log.colour: unknown key; known here: format, level"),
        Case("workers: 1\nlog: {}\nworkers: 2", "3: workers: this key is here more than once; keep one"),
        Case(
            "workers: 1\n\"workers\": 2\nworkers: 3", "3: workers: this key is here more than once; keep one",
            "4: workers: this key is here more than once; keep one"),
        Case(
            "workers: 1\nworkers: 0\nlimits: {head: 5, head: 6}", "3: workers: this key is here more than once; keep one",
            "4: workers: '0' is not allowed; write a whole number from 1 to 256",
            "5: limits.head: this key is here more than once; keep one", "5: limits.head: 6 has no unit; write 6KiB"),
        Case("log:", "3: log: there is no value; write one, or remove the key"),
        Case("log: debug", "3: log: this is not a mapping; write key: value"),
        Case("log: {level: [info]}", "3: log.level: this is a list or a mapping; write one value"),
        Case("listeners: {address: x}", "3: listeners: this is not a list; write - key: value"),
        Case("log: [a]", "3: log: this is not a mapping; write key: value"),
        Case("a: [", "4: this is not YAML: did not find expected node content"),
        Case("--- {}", "3: this is not YAML: but found another document"),
    ]

    static let values = [
        Case("timeouts: {connect: 5}", "3: timeouts.connect: 5 has no unit; write 5s"),
        Case("timeouts: {connect: 5d}", "3: timeouts.connect: '5d' is not a number with a unit; units are ms, s, m, h"),
        Case("timeouts: {connect: soon}", "3: timeouts.connect: 'soon' is not a number with a unit; units are ms, s, m, h"),
        Case("timeouts: {idle: 2h}", "3: timeouts.idle: '2h' is out of bounds; allowed are 100ms to 1h"),
        Case("timeouts: {drain: 48h}", "3: timeouts.drain: '48h' is out of bounds; allowed are 0s to 24h"),
        Case("limits: {head: 32}", "3: limits.head: 32 has no unit; write 32KiB"),
        Case("limits: {head: 32KB}", "3: limits.head: '32KB' is not a number with a unit; units are B, KiB, MiB, GiB, TiB"),
        Case("limits: {head: 10GiB}", "3: limits.head: '10GiB' is out of bounds; allowed are 4KiB to 1MiB"),
        Case("limits: {head_fields: 1}", "3: limits.head_fields: '1' is not allowed; write a whole number from 16 to 1000"),
        Case("limits: {connections: -1}", "3: limits.connections: '-1' is not allowed; write a whole number from 1 to 1000000"),
        Case("workers: 257", "3: workers: '257' is not allowed; write a whole number from 1 to 256"),
        Case("workers: many", "3: workers: 'many' is not allowed; write a whole number from 1 to 256"),
        Case(
            "log: {level: loud, format: xml}",
            "3: log.level: 'loud' is not known; use trace, debug, info, notice, warning, error, critical",
            "3: log.format: 'xml' is not known; use json, text"),
        Case(
            "ca_file: /nonexistent/ca.pem", "3: ca_file: '/nonexistent/ca.pem' cannot be read: there is no such file; \(readable)"),
        Case("ca_file: /", "3: ca_file: '/' cannot be read: it is a directory; \(readable)"),
        Case(
            "connect_to:\n  \"a.example:443\": \"127.0.0.1:1\"\n  b.example: \"127.0.0.1:1\"",
            "5: connect_to.b.example: \(notDialled)"),
    ]

    /// What a cache would delete files in, or could not hold anything in.
    static let caches =
        [
            ("cache", "is not absolute"), ("/", "is the root of the file system"), ("///", "is the root of the file system"),
            ("", "is not absolute"), ("/var/../cache", "has steps like . and .."),
        ].map { path, problem in
            Case("cache: {directory: \"\(path)\"}", "3: cache.directory: '\(path)' \(problem); write \(cacheDirectory)")
        } + [
            Case("cache: {size: 1GiB}", "3: cache.directory: missing; write \(cacheDirectory)"),
            Case("cache: {directory: /c, size: 50}", "3: cache.size: 50 has no unit; write 50KiB"),
            Case(
                "cache: {directory: /c, size: 1000000000TiB}",
                "3: cache.size: '1000000000TiB' is out of bounds; allowed are 16MiB to 1024TiB"),
            Case("cache: {directory: /c, size: 1MiB}", "3: cache.size: '1MiB' is out of bounds; allowed are 16MiB to 1024TiB"),
            Case("cache: {directory: /c, stale: 731h}", "3: cache.stale: '731h' is out of bounds; allowed are 0s to 720h"),
            Case(
                "cache: {path: /c}", "3: cache.directory: missing; write \(cacheDirectory)",
                "3: cache.path: unknown key; known here: directory, size, stale"),
        ]

    private static let cacheDirectory = "an absolute path of Berth's own, like /var/cache/berth"

    private static let notDialled =
        "key and value must each be host:port; write them like \"api.ecr.eu-west-1.amazonaws.com:443\": \"127.0.0.1:8445\""

    /// Values that one of two parsers used to accept and the other one not.
    static let hosts =
        [
            ("+443", "127.0.0.1:1"), ("000443", "127.0.0.1:1"), ("443", "127.0.0.1:+1"), ("443", "127.0.0.1:000001"),
            ("0", "127.0.0.1:1"), ("443", "127.0.0.1:0"), ("443", "127.0.0.1"), ("443", "127.0.0.1:"), ("443", "::1:1"),
        ].map { port, target in
            Case("connect_to: {\"a.example:\(port)\": \"\(target)\"}", "3: connect_to.a.example:\(port): \(notDialled)")
        } + [
            Case(
                "connect_to:\n  \"a.example:443\": \"127.0.0.1:1\"\n  \"A.example.:443\": \"127.0.0.1:2\"\n  \"*.a.example:443\": \"[::1]:3\"",
                "5: connect_to.A.example.:443: another key has the same host and port; keep one"
            ),
            Case(
                "listeners: [{address: \"[::1]:1\"}, {address: \"[0:0::1]:1\"}]",
                "3: listeners[1].address: '[0:0::1]:1' is used by another listener, at [::1]:1; write another port, or keep one of them"
            ),
        ]

    static let listeners = [
        Case("listeners: []", "3: listeners: this is empty; remove the key for 0.0.0.0:5000"),
        Case("listeners:\n  - {}", "4: listeners[0].address: missing; write one like \(addresses)"),
        Case("listeners:\n  - address:", "4: listeners[0].address: there is no value; write one, or remove the key"),
        Case(
            "listeners:\n  - address: localhost:5000",
            "4: listeners[0].address: 'localhost:5000' is not an IP address and a port; write one like \(addresses)"),
        Case(
            "admin: {address: \"127.0.0.1:99999\"}",
            "3: admin.address: '127.0.0.1:99999' is not an IP address and a port; write one like \(addresses)"),
        Case(
            "listeners:\n  - address: 0.0.0.0:5000\n  - address: :5000\nadmin: {address: \"0.0.0.0:5000\"}",
            "5: listeners[1].address: ':5000' is used by another listener, at 0.0.0.0:5000; write another port, or keep one of them",
            "6: admin.address: '0.0.0.0:5000' is used by another listener, at 0.0.0.0:5000; write another port, or keep one of them"
        ),
        // Each of these would mean plain HTTP if it were accepted.
        Case("listeners:\n  - address: :1\n    tls:", "5: listeners[0].tls: there is no value; write one, or remove the key"),
        Case(
            "listeners:\n  - address: :1\n    tls: {}",
            "5: listeners[0].tls.certificate: missing; write the path of a PEM file, leaf first",
            "5: listeners[0].tls.private_key: missing; write the path of a PEM file"),
        Case(
            "listeners:\n  - address: :1\n    tls:\n      certificate: \(#filePath)\n      private_key:",
            "7: listeners[0].tls.private_key: there is no value; write one, or remove the key"),
        Case(
            "listeners:\n  - address: :1\n    tls:\n      certificate: /nonexistent\n      private_key: \(#filePath)\n      client_ca: ''",
            "6: listeners[0].tls.certificate: '/nonexistent' cannot be read: there is no such file; \(readable)",
            "8: listeners[0].tls.client_ca: '' cannot be read; \(readable)"),
        Case(
            "listeners:\n  - {address: \":1\", public_url: \"https://x\", trusted_proxies: [10.0.0.0/8, 10.0.0.0/33, proxy]}",
            "4: listeners[0].trusted_proxies[1]: '10.0.0.0/33' is not a network; write one like 10.0.0.0/8 or fd00::/8",
            "4: listeners[0].trusted_proxies[2]: 'proxy' is not a network; write one like 10.0.0.0/8 or fd00::/8"),
    ]

    @Test(arguments: keys + values + hosts + listeners + caches)
    func `a problem has its line, its key and what is allowed`(_ one: Case) {
        #expect(problems(one.file) == one.lines.map { "berth.yaml:" + $0 })
    }

    @Test(arguments: [
        "registry.example.com", "https://:", "https://a/v2", "https://a?b", "ftp://a", "https://a b", "https://a:port",
    ])
    func `a public URL that is not a scheme and a host is a problem`(_ url: String) {
        #expect(
            problems(sound + "listeners:\n  - address: :1\n    public_url: \"\(url)\"") == [
                "berth.yaml:5: listeners[0].public_url: '\(url)' is not http or https with a host and perhaps a port; "
                    + "write one like https://registry.example.com"
            ])
    }

    @Test func `all problems of a file are reported, in the order of its lines`() {
        let file = """
            workers: none
            listeners:
              - address: 0.0.0.0:99999
                tls: {certificate: /nonexistent}
            upstreams:
              - name: main
                registry: registry.example.com
                blobs: sometimes
            routes:
              - {upstream: mian, prefix: Team/}
            timeouts:
              connect: 5
            users:
              - name: rancher
                password_hash: hunter2
                access: [{repositories: [team-a], actions: [pish]}]
            limits: {haed: 1, head: 1}
            """
        let places = problems(file).map { $0.split(separator: " ")[0...1].joined(separator: " ") }
        #expect(
            places == [
                "berth.yaml:1: workers:", "berth.yaml:3: listeners[0].address:", "berth.yaml:4: listeners[0].tls.certificate:",
                "berth.yaml:4: listeners[0].tls.private_key:", "berth.yaml:7: upstreams[0].registry:",
                "berth.yaml:8: upstreams[0].blobs:", "berth.yaml:10: routes[0].prefix:", "berth.yaml:10: routes[0].upstream:",
                "berth.yaml:12: timeouts.connect:", "berth.yaml:15: users[0].password_hash:",
                "berth.yaml:16: users[0].access[0].actions[0]:", "berth.yaml:17: limits.head:", "berth.yaml:17: limits.haed:",
            ])
    }

    @Test func `a variable's value is in no problem`() {
        let file = """
            upstreams: [{name: "${S}/", registry: "${S}", blobs: "${S}", create_repositories: {match: ["${S}"], scan_on_push: "${S}"}}]
            routes: [{upstream: "${S}", host: "${S}", namespace: "${S}", prefix: "${S}", upstream_prefix: "${S}"}]
            listeners: [{address: "${S}", public_url: "${S}", trusted_proxies: ["${S}"], tls: {certificate: "${S}", private_key: "${S}"}}]
            users: [{name: "${S}", password_file: "${S}", access: [{repositories: ["${S}"], actions: ["${S}"]}]}]
            users_file: "${S}"
            connect_to: {a: "${S}"}
            ca_file: "${S}"
            limits: {head: "${S}", head_fields: "${S}"}
            timeouts: {idle: "${S}"}
            log: {level: "${S}"}
            workers: "${S}"
            """
        let lines = problems(file, environment: ["S": "Pass:Wort!"])
        #expect(lines.count == 27)
        #expect(!lines.joined().contains("Wort"))
    }

    @Test func `a password next to a repeated key or invalid YAML is in no problem`() {
        for end in ["users: []\nusers: []\n", "users: [\n", "? [a]\n: b\n? [a]\n: c\n", "\t- x\n", "x: *hunter2\n"] {
            let lines = problems("users:\n  - {name: a, password_hash: hunter2, access: []}\n" + end)
            #expect(!lines.isEmpty && !lines.joined().contains("hunter2"), "\(end)")
            #expect(lines.allSatisfy { !$0.contains("\n") && $0.hasPrefix("berth.yaml:") }, "\(end)")
        }
    }

    @Test(arguments: ["", "# nothing\n", "---\n", "~\n", "{}"])
    func `in an empty file the required keys are missing`(_ file: String) {
        #expect(
            problems(file) == [
                "berth.yaml:1: upstreams: missing; write at least one: - {name: main, registry: \(registry)}",
                "berth.yaml:1: users: nobody can log in; set users, users_file or anonymous.access",
            ])
    }
}
