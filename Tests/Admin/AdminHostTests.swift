import Foundation
import HTTPServer
import Synchronization
import Testing
import Transport

@testable import Admin

@Suite(.timeLimit(.minutes(1)))
struct AdminHostTests {
    static let ready = UpstreamStatus(
        name: "main", registry: "123456789012.dkr.ecr.eu-west-1.amazonaws.com", ready: true, credentials: "environment",
        tokenExpires: "2026-01-01T12:00:00Z", problem: nil)
    static let waiting = UpstreamStatus(
        name: "<b>other</b>", registry: "123456789012.dkr.ecr.eu-west-1.amazonaws.com", ready: false, credentials: nil,
        tokenExpires: nil,
        problem: "no valid token: AccessDenied: \"no\" & <never> <\u{301}b>")

    static func sources(_ upstreams: [UpstreamStatus] = [ready], isDraining: Bool = false) -> AdminSources {
        AdminSources(
            version: "1.2.3", isDraining: { isDraining }, upstreams: { upstreams },
            metrics: { Array("berth_exchanges_in_flight 0\n".utf8) },
            refresh: { $0 == "main" ? true : $0 == "broken one" ? false : nil },
            reload: { upstreams.count == 1 ? [] : ["berth.yaml:1: users: missing"] })
    }

    /// The bytes of the response to one request.
    static func send(_ head: String, host: String = "127.0.0.1:5001", of sources: AdminSources = sources()) async throws -> String {
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
        return try await client.exchange("\(head) HTTP/1.1\r\nHost: \(host)\r\nConnection: close\r\n\r\n", with: listener.address)
    }

    @Test func `a draining gateway is alive and not ready`() async throws {
        let sources = Self.sources(isDraining: true)
        #expect(try await Self.send("GET /healthz", of: sources).hasPrefix("HTTP/1.1 200"))
        let ready = try await Self.send("GET /readyz", of: sources)
        #expect(ready.hasPrefix("HTTP/1.1 503") && ready.hasSuffix("draining: no new exchange is taken\n"))
        #expect(try await Self.send("GET /api/v1/status", of: sources).contains(#""ready" : false"#))
    }

    @Test(arguments: [
        ("GET /healthz", "200", "ok\n"),
        ("GET /readyz", "200", "ready\n"),
        ("GET /metrics", "200", "berth_exchanges_in_flight 0\n"),
        ("GET /metrics?x=y", "200", "berth_exchanges_in_flight 0\n"),
        ("GET /api/v1/status", "200", #""version" : "1.2.3""#),
        ("GET /api/v1/upstreams", "200", #""token_expires" : "2026-01-01T12:00:00Z""#),
        ("GET /", "200", "Berth is <span class=\"ready\">ready</span>"),
        ("POST /api/v1/reload", "200", "Reloaded."),
        ("POST /api/v1/upstreams/main/refresh", "200", "A new token was fetched."),
        ("POST /api/v1/upstreams/broken%20one/refresh", "502", "The log and /api/v1/upstreams have the reason"),
        ("POST /api/v1/upstreams/nobody/refresh", "404", "There is no upstream named 'nobody'."),
        ("GET /v2/", "404", "There is nothing at /v2/."),
        ("GET /metrics/", "404", "There is nothing"),
        ("POST /api/v2/upstreams/main/refresh", "404", "There is nothing"),
        ("POST /metrics", "405", "Allow: GET, HEAD\r\n"),
        ("DELETE /api/v1/upstreams", "405", "Allow: GET, HEAD\r\n"),
        ("GET /api/v1/reload", "405", "Allow: POST\r\n"),
        ("GET /api/v1/upstreams/main/refresh", "405", "Allow: POST\r\n"),
    ])
    func `each path responds to its method`(request: String, status: String, part: String) async throws {
        let response = try await Self.send(request)
        #expect(response.hasPrefix("HTTP/1.1 \(status) "))
        #expect(response.contains(part), "\(response)")
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
        ("/readyz?upstream", "400", "use all, or upstream=NAME"), ("/readyz?all=true", "503", "\n<b>other</b>"),
    ])
    func `a gateway is ready while any upstream is, and names those that are not`(path: String, status: String, part: String)
        async throws
    {
        let response = try await Self.send("GET \(path)", of: Self.sources([Self.ready, Self.waiting]))
        #expect(response.hasPrefix("HTTP/1.1 \(status) ") && response.contains(part), "\(response)")
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

    @Test func `text from upstreams is escaped in the page`() async throws {
        let response = try await Self.send("GET /", of: Self.sources([Self.ready, Self.waiting]))
        #expect(response.contains("&lt;b&gt;other&lt;/b&gt;"))
        #expect(response.contains("AccessDenied: &quot;no&quot; &amp; &lt;never&gt; &lt;\u{301}b&gt;"))
        #expect(!response.contains("<b>") && !response.contains("<never>"))
        #expect(response.contains("Content-Security-Policy: default-src 'none';"))
    }

    @Test func `all problems of an invalid configuration are reported`() async throws {
        let response = try await Self.send("POST /api/v1/reload", of: Self.sources([Self.ready, Self.waiting]))
        #expect(response.hasPrefix("HTTP/1.1 422 ") && response.contains("berth.yaml:1: users: missing"))
    }

    @Test(arguments: ["Origin: https://evil.example", "Origin: null", "Sec-Fetch-Site: same-origin"])
    func `a request from a web page changes nothing`(field: String) async throws {
        let calls = Atomic(0)
        var sources = Self.sources()
        sources.reload = {
            calls.add(1, ordering: .relaxed)
            return []
        }
        let response = try await Self.send("POST /api/v1/reload", host: "127.0.0.1\r\n\(field)", of: sources)
        #expect(response.hasPrefix("HTTP/1.1 403 "))
        #expect(calls.load(ordering: .relaxed) == 0)
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

/// Sends a request and returns all bytes until the server closes.
actor Client {
    nonisolated let loop: EventLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
    init(loop: EventLoop) { self.loop = loop }

    func exchange(_ request: String, with address: SocketAddress) async throws -> String {
        let stream = try await Connector.connect(to: [address], on: loop, waiter: Waiter(), timeout: .seconds(5))
        try await stream.write(Array(request.utf8), timeout: .seconds(5))
        var response: [UInt8] = []
        let room = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 16)
        defer { room.deallocate() }
        while case let count = (try? await stream.read(into: room, timeout: .seconds(5))) ?? 0, count > 0 {
            response += room.prefix(count)
        }
        return String(decoding: response, as: UTF8.self)
    }
}
