import Foundation
import HTTPServer
import Synchronization
import Testing
import Transport

@testable import Admin

@Suite(.timeLimit(.minutes(5)))
struct AdminHostTests {
    static let ready = {
        var status = UpstreamStatus(
            name: "main", registry: "123456789012.dkr.ecr.eu-west-1.amazonaws.com", ready: true, tokenState: .valid)
        status.credentials = "environment"
        status.tokenExpires = Date(timeIntervalSince1970: 1_767_268_800)
        return status
    }()
    static let waiting = {
        var status = UpstreamStatus(
            name: "<b>other</b>", registry: "123456789012.dkr.ecr.eu-west-1.amazonaws.com", ready: false, tokenState: .none)
        status.problem = "no valid token: AccessDenied: \"no\" & <never> <\u{301}b>"
        return status
    }()
    static let cache = {
        var cache = CacheCondition(directory: "/var/cache/berth", state: "off", problem: "no space", size: 100, staleSeconds: 60)
        cache.requests = ["hit": 2, "miss": 1, "shared": 1, "stale": 0]
        cache.oldest = [.init(digest: "sha256:00", size: 7, mediaType: nil, lastUsed: Date(timeIntervalSince1970: 0))]
        return cache
    }()
    /// Of `admin.token_file`, where a test has one.
    static let token = "an-operator's-token"

    static func sources(
        _ upstreams: [UpstreamStatus] = [ready], isDraining: Bool = false, token: String? = nil,
        emptying: CacheEmptying = .done(entries: 3, bytes: 1000)
    ) -> AdminSources {
        let now = Date(timeIntervalSince1970: 1_767_225_600)
        @Sendable func usage(_ name: String, _ bytes: Int, pulls: Int) -> UsageStatus {
            UsageStatus(
                repository: name, user: nil, requests: 1, pulls: pulls, pushes: 0, bytesSent: bytes, bytesReceived: 0, lastUsed: now
            )
        }
        return AdminSources(
            version: "1.2.3", logLevels: ["debug", "info"], isDraining: { isDraining }, upstreams: { upstreams },
            cache: { upstreams.count == 1 ? cache : nil },
            traffic: {
                TrafficStatus(
                    time: now, uptimeSeconds: 1.5, requests: [.init(operation: "ping", status: 200, count: 3)],
                    bytes: ["sent_to_client": 7], connections: .init(active: 1, idle: 2), exchangesInFlight: 1)
            },
            transfers: {
                (1...3).map {
                    TransferStatus(
                        id: "\($0)", user: "ci", client: "10.0.0.1", operation: "blob_get", repository: "a", upstream: "main",
                        started: now.addingTimeInterval(Double(-$0)), bytes: 5, total: $0 == 1 ? 10 : nil)
                }
            },
            usage: {
                UsageReading(
                    since: now, repositories: [usage("small", 1, pulls: 9), usage("large", 100, pulls: 1)], users: [], pairs: [],
                    rest: nil)
            },
            errors: { [ErrorStatus(time: now, message: "first"), ErrorStatus(time: now, message: "second")] },
            certificates: { [CertificateStatus(listener: "0.0.0.0:5000", file: "/tls.crt", expires: now)] },
            configuration: {
                ConfigurationStatus(
                    file: "/etc/berth/berth.yaml", lastLoaded: now, lastReload: nil, listeners: [], adminAddress: "127.0.0.1:5001",
                    routes: [], users: 2, anonymous: false)
            },
            logLevel: { "info" }, metrics: { Array("berth_exchanges_in_flight 0\n".utf8) },
            isToken: { presented in token.map { Array($0.utf8) == presented } },
            refresh: { name in
                let first = RefreshOutcome(registry: "a.example", fetched: true)
                let failed = RefreshOutcome(registry: "b.example", fetched: false, problem: "AccessDenied")
                return ["main": [first], "broken one": [failed], "half": [first, failed]][name]
            },
            emptyCache: { upstreams.count == 1 ? emptying : nil },
            reload: { upstreams.count == 1 ? ("routes", []) : ("", ["berth.yaml:1: users: missing"]) }, setLogLevel: { _ in })
    }

    /// The bytes of the response to one request.
    /// - Parameter head: the request line without its version, and perhaps fields on further lines.
    static func send(_ head: String, host: String = "127.0.0.1:5001", body: String = "", of sources: AdminSources = sources())
        async throws -> String
    {
        let admin = AdminHost(loop: EventLoop(), sources: sources)
        let listener = try Listener(on: try #require(SocketAddress("127.0.0.1:0")), host: admin)
        admin.loop.start(named: "admin")
        defer {
            listener.stop()
            admin.loop.stop()
        }
        let client = Client(loop: EventLoop())
        client.loop.start(named: "client")
        defer { client.loop.stop() }
        let length = body.isEmpty ? "" : "Content-Length: \(body.utf8.count)\r\n"
        return try await client.exchange(
            "\(head) HTTP/1.1\r\nHost: \(host)\r\n\(length)Connection: close\r\n\r\n\(body)", with: listener.address)
    }

    @Test func `a draining gateway is alive and not ready`() async throws {
        let sources = Self.sources(isDraining: true)
        #expect(try await Self.send("GET /healthz", of: sources).hasPrefix("HTTP/1.1 200"))
        let ready = try await Self.send("GET /readyz", of: sources)
        #expect(ready.hasPrefix("HTTP/1.1 503") && ready.hasSuffix("draining: no new exchange is taken\n"))
        let status = try await Self.send("GET /api/v1/status", of: sources)
        #expect(status.contains(#""ready" : false"#) && status.contains(#""draining" : true"#))
    }

    @Test(arguments: [
        ("GET /healthz", "200", "ok\n"),
        ("GET /readyz", "200", "ready\n"),
        ("GET /metrics", "200", "berth_exchanges_in_flight 0\n"),
        ("GET /metrics?x=y", "200", "berth_exchanges_in_flight 0\n"),
        ("GET /api/v1/status", "200", #""version" : "1.2.3""#),
        ("GET /api/v1/upstreams", "200", #""token_expires" : "2026-01-01T12:00:00Z""#),
        ("GET /api/v1/traffic", "200", #""sent_to_client" : 7"#),
        ("GET /api/v1/transfers", "200", #""total" : 3"#),
        ("GET /api/v1/transfers?limit=0", "400", "use limit=1…10000."),
        ("GET /api/v1/errors", "200", #""message" : "second""#),
        ("GET /api/v1/errors?sort=bytes", "400", "Unknown parameter"),
        ("GET /api/v1/usage?sort=size", "400", "sort=bytes|requests|pulls|pushes|last_used."),
        ("GET /api/v1/certificates", "200", #""expires" : "2026-01-01T00:00:00Z""#),
        ("GET /api/v1/configuration", "200", #""file" : "/etc/berth/berth.yaml""#),
        ("GET /", "200", "<script src=\"/page.js\" defer></script>"),
        ("GET /page.js", "200", "text/javascript"),
        ("GET /page.css", "200", "text/css"),
        ("GET /icon.svg", "200", "image/svg+xml"),
        ("GET /api/v1/status", "200", #""hit_rate" : 0.75"#),
        ("GET /api/v1/status", "200", #""problem" : "no space""#),
        ("DELETE /api/v1/cache", "200", "Removed 3 entries, 1000 bytes."),
        ("GET /api/v1/cache", "405", "Only DELETE is allowed here."),
        ("POST /api/v1/reload", "200", #""changed" : "routes""#),
        ("POST /api/v1/upstreams/main/refresh", "200", "A new token was fetched."),
        ("POST /api/v1/upstreams/broken%20one/refresh", "502", "No new token could be fetched. b.example: AccessDenied"),
        ("POST /api/v1/upstreams/half/refresh", "502", "New tokens were fetched for 1 of 2 registries. b.example: AccessDenied"),
        ("POST /api/v1/upstreams/main/refresh", "200", #""registry" : "a.example""#),
        ("POST /api/v1/upstreams/nobody/refresh", "404", "There is no upstream named 'nobody'."),
        ("GET /v2/", "404", "There is nothing at /v2/."),
        ("GET /metrics/", "404", "There is nothing"),
        ("POST /api/v2/upstreams/main/refresh", "404", "There is nothing"),
        ("POST /metrics", "405", "Allow: GET, HEAD\r\n"),
        ("DELETE /api/v1/upstreams", "405", "Allow: GET, HEAD\r\n"),
        ("GET /api/v1/reload", "405", "Allow: POST\r\n"),
        ("GET /api/v1/upstreams/main/refresh", "405", "Allow: POST\r\n"),
        ("POST /api/v1/upstreams//refresh", "404", "There is nothing"),
        ("POST /api/v1/log", "405", "Allow: PUT\r\n"),
        ("POST /api/v1/events", "405", "Allow: GET, HEAD\r\n"),
        ("PUT /api/v1/log", "400", "with one of debug, info."),
    ])
    func `each path responds to its method`(request: String, status: String, part: String) async throws {
        let response = try await Self.send(request)
        #expect(response.hasPrefix("HTTP/1.1 \(status) "))
        #expect(response.contains(part), "\(response)")
    }

    @Test(arguments: [
        (CacheEmptying.done(entries: 1, bytes: 5), "200", "Removed 1 entry, 5 bytes."),
        (.postponed, "202", "what its directory holds is removed when it is."),
        (.rejected, "409", "Nothing was removed: another process uses the cache's directory."),
    ])
    func `emptying the cache says what was removed, or why nothing was`(outcome: CacheEmptying, status: String, part: String)
        async throws
    {
        let response = try await Self.send("DELETE /api/v1/cache", of: Self.sources(emptying: outcome))
        #expect(response.hasPrefix("HTTP/1.1 \(status) ") && response.contains(part), "\(response)")
    }

    @Test func `HEAD is served like GET, without the body`() async throws {
        let response = try await Self.send("HEAD /healthz")
        #expect(response.hasPrefix("HTTP/1.1 200 ") && response.hasSuffix("\r\n\r\n") && response.contains("Content-Length: 3\r\n"))
    }

    /// `main` is ready, `<b>other</b>` is not.
    @Test(arguments: [
        ("/readyz", "200", "ready\n<b>other</b>: no valid token"), ("/readyz?all", "503", "\n<b>other</b>: no valid token"),
        ("/readyz?upstream=main", "200", "ready\n"),
        ("/readyz?upstream=%3Cb%3Eother%3C/b%3E", "503", "\n<b>other</b>: no valid token"),
        ("/readyz?upstream=nobody", "404", "no upstream of this name"),
        ("/readyz?upsteam=main", "400", "use all, or upstream=NAME"),
        ("/readyz?upstream", "400", "use all, or upstream=NAME"), ("/readyz?all=", "503", "\n<b>other</b>"),
        ("/readyz?all=true", "503", "\n<b>other</b>"),
    ])
    func `a gateway is ready while any upstream is, and names those that are not`(path: String, status: String, part: String)
        async throws
    {
        let response = try await Self.send("GET \(path)", of: Self.sources([Self.ready, Self.waiting]))
        #expect(response.hasPrefix("HTTP/1.1 \(status) ") && response.contains(part), "\(response)")
    }

    @Test func `an upstream is ready while its registry or a fallback is, and each that is not is named`() async throws {
        var upstream = Self.waiting
        var fallback = RegistryStatus(registry: "there.example", ready: true, breaker: .closed, tokenState: .valid)
        (upstream.ready, upstream.fallbacks) = (true, [fallback])
        let served = try await Self.send("GET /readyz?all", of: Self.sources([upstream]))
        #expect(served.hasPrefix("HTTP/1.1 200 "))
        #expect(served.contains("\r\n\r\nready\n<b>other</b>: 123456789012.dkr.ecr.eu-west-1.amazonaws.com: no valid token"))
        (fallback.ready, fallback.problem) = (false, "failing")
        (upstream.ready, upstream.fallbacks) = (false, [fallback])
        let failed = try await Self.send("GET /readyz", of: Self.sources([upstream]))
        #expect(failed.hasPrefix("HTTP/1.1 503 ") && failed.hasSuffix("\n<b>other</b>: there.example: failing\n"))
    }

    @Test func `a gateway without a ready upstream is not ready`() async throws {
        let response = try await Self.send("GET /readyz", of: Self.sources([Self.waiting]))
        #expect(response.hasPrefix("HTTP/1.1 503 "))
        #expect(response.hasSuffix("\r\n\r\n<b>other</b>: no valid token: AccessDenied: \"no\" & <never> <\u{301}b>\n"))
        #expect(try await Self.send("GET /api/v1/status", of: Self.sources([Self.waiting])).contains(#""ready" : false"#))
        #expect(
            response.contains("Content-Type: text/plain; charset=utf-8\r\n")
                && response.contains("X-Content-Type-Options: nosniff\r\n")
        )
    }

    @Test(arguments: [
        (#"{"level": "debug"}"#, "200"), (#"{"level": "loud"}"#, "400"), (#"{"level": 3}"#, "400"), ("debug", "400"),
        (#"{"level": "debug", "for": "1h"}"#, "400"), (String(repeating: " ", count: 2000), "400"),
    ])
    func `the log's level is one of those that exist`(body: String, status: String) async throws {
        let levels = Mutex<[String]>([])
        var sources = Self.sources()
        sources.setLogLevel = { level in levels.withLock { $0.append(level) } }
        let response = try await Self.send("PUT /api/v1/log", body: body, of: sources)
        #expect(response.hasPrefix("HTTP/1.1 \(status) "), "\(response)")
        #expect(levels.withLock { $0 } == (status == "200" ? ["debug"] : []))
    }

    @Test func `a list has its limit and its order`() async throws {
        let largest = try await Self.send("GET /api/v1/usage?limit=1")
        #expect(largest.contains("large") && !largest.contains("small") && largest.contains(#""total_repositories" : 2"#))
        let pulled = try await Self.send("GET /api/v1/usage?limit=1&sort=pulls")
        #expect(pulled.contains("small") && !pulled.contains("large"))
        let oldest = try await Self.send("GET /api/v1/transfers?limit=1")
        #expect(oldest.contains(#""id" : "3""#) && !oldest.contains(#""id" : "1""#) && oldest.contains(#""total" : 3"#))
        #expect(try await !Self.send("GET /api/v1/errors?limit=1").contains("second"))
    }

    @Test func `all problems of an invalid configuration are reported`() async throws {
        let response = try await Self.send("POST /api/v1/reload", of: Self.sources([Self.ready, Self.waiting]))
        #expect(response.hasPrefix("HTTP/1.1 422 ") && response.contains("berth.yaml:1: users: missing"))
    }

    /// What a request needs to change something, over the wire; `WriteRuleTests` has every case.
    @Test(
        arguments: [
            (nil, "", "200"), (nil, "Origin: http://127.0.0.1:5001", "403"), (nil, "Origin: https://evil.example", "403"),
            (nil, "Origin: null", "403"), (nil, "Sec-Fetch-Site: same-origin", "403"),
            (token, "", "401"), (token, "Authorization: Bearer an-operator's-tokem", "401"),
            (token, "Authorization: Basic an-operator's-token", "401"), (token, "Authorization: Bearer an-operator's-token", "200"),
            (token, "Authorization: bearer an-operator's-token", "200"),
            (token, "Authorization: Bearer an-operator's-token\r\nOrigin: http://evil.example", "403"),
            (
                token, "Authorization: Bearer an-operator's-token\r\nOrigin: http://127.0.0.1:5001\r\nSec-Fetch-Site: cross-site",
                "403"
            ),
            (
                token, "Authorization: Bearer an-operator's-token\r\nOrigin: http://127.0.0.1:5001\r\nSec-Fetch-Site: same-origin",
                "200"
            ),
        ] as [(String?, String, String)])
    func `changes need the token, and none come from other web pages`(token: String?, fields: String, status: String) async throws {
        for request in ["POST /api/v1/reload", "PUT /api/v1/log", "POST /api/v1/upstreams/main/refresh"] {
            let calls = Atomic(0)
            var sources = Self.sources(token: token)
            sources.reload = {
                calls.add(1, ordering: .relaxed)
                return ("", [])
            }
            sources.setLogLevel = { _ in calls.add(1, ordering: .relaxed) }
            sources.refresh = { _ in
                calls.add(1, ordering: .relaxed)
                return []
            }
            let host = fields.isEmpty ? "127.0.0.1:5001" : "127.0.0.1:5001\r\n\(fields)"
            let response = try await Self.send(request, host: host, body: #"{"level":"info"}"#, of: sources)
            #expect(response.hasPrefix("HTTP/1.1 \(status) "), "\(request): \(response)")
            #expect(response.contains("WWW-Authenticate: Bearer realm=\"Berth\"") == (status == "401"))
            #expect(calls.load(ordering: .relaxed) == (status == "200" ? 1 : 0))
        }
    }

    @Test(arguments: [
        ("127.0.0.1:5001", "200"), ("localhost:5001", "200"), ("LOCALHOST", "200"), ("[::1]:5001", "200"), ("[::1]", "200"),
        ("10.1.2.3", "200"), ("evil.example:5001", "421"), ("127.0.0.1.evil.example", "421"), ("localhost.evil.example:80", "421"),
        ("", "400"),
    ])
    func `over loopback, a name that DNS can change is rejected`(host: String, status: String) async throws {
        let response = try await Self.send("GET /api/v1/status", host: host)
        #expect(response.hasPrefix("HTTP/1.1 \(status) "), "\(response.prefix(80))")
    }

    @Test(arguments: ["10.0.0.7:4000", "[fd00::7]:4000", "[::ffff:10.0.0.7]:4000"])
    func `from other machines any name is allowed`(peer: String) throws {
        #expect(HostRule.allows("berth.monitoring.svc:5001", from: try #require(SocketAddress(peer))))
    }

    @Test(arguments: ["127.0.0.1:4000", "127.9.9.9:4000", "[::1]:4000", "[::ffff:127.0.0.1]:4000"])
    func `loopback is recognised in each of its forms`(peer: String) throws {
        #expect(!HostRule.allows("evil.example", from: try #require(SocketAddress(peer))))
        #expect(!HostRule.allows("localhost.evil.example", from: try #require(SocketAddress(peer))))
        for host in ["LocalHost", "localhost.:5001", "127.0.0.1", "[::1]:5001"] {
            #expect(HostRule.allows(host, from: try #require(SocketAddress(peer))))
        }
    }
}
