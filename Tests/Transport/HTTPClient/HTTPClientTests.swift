import Glibc
import Testing

@testable import Transport

@Suite final class HTTPClientTests {
    private let loop = EventLoop()

    init() { loop.start(named: "client") }
    deinit { loop.stop() }

    private func client(trust: HTTPClientTrust = .system) -> HTTPClient { HTTPClient(loop: loop, trust: trust) }

    private func request(_ port: Int, _ path: String, method: String = "GET", body: [UInt8]? = nil) throws -> HTTPClientRequest {
        var request = HTTPClientRequest(
            "test", method: method, url: try #require(HTTPClientURL("http://127.0.0.1:\(port)\(path)")), body: body)
        request.mayUseProxy = false
        return request
    }

    @Test func `a response arrives whole, with its fields and the server's address`() async throws {
        let peer = try HTTPClientPeer()
        let client = self.client()
        let response = try await client.call(request(peer.port, "/ok"))
        #expect(response.status == 200)
        #expect(response.body == Array("fine".utf8))
        #expect(response["x-peer"] == "two words")
        #expect(response.address == "127.0.0.1:\(peer.port)")
    }

    @Test func `a request is sent as given, without fields of libcurl's own`() async throws {
        let peer = try HTTPClientPeer()
        let client = self.client()
        var put = try request(peer.port, "/echo?b=2&a=1", method: "PUT", body: [])
        put.fields = [("X-Test", "")]
        let first = try await client.call(put)
        #expect(
            String(decoding: first.body, as: UTF8.self)
                == "PUT /echo?b=2&a=1 Host=127.0.0.1:\(peer.port) Length=0 Type=None Expect=None X='' ")
        var post = try request(peer.port, "/echo", method: "POST", body: Array(repeating: 0x7A, count: 2000))
        post.fields = [("Content-Type", "text/x")]
        let second = String(decoding: try await client.call(post).body, as: UTF8.self)
        #expect(second.hasPrefix("POST /echo Host=127.0.0.1:\(peer.port) Length=2000 Type=text/x Expect=None X=None zzz"))
    }

    @Test func `a redirect is not followed`() async throws {
        let peer = try HTTPClientPeer()
        #expect(try await client().call(request(peer.port, "/away")).status == 302)
    }

    @Test func `a response over the bounds of head or body is an error`() async throws {
        let peer = try HTTPClientPeer()
        let client = self.client()
        #expect(try await client.call(request(peer.port, "/full")).body.count == HTTPClientResponse.maxBody)
        for path in ["/large", "/many"] {
            let error = await #expect(throws: HTTPClientError.self) { try await client.call(request(peer.port, path)) }
            #expect(error?.kind == .tooLarge, "\(path)")
        }
    }

    @Test func `the error of a refused connection names call and host but not the query`() async throws {
        let port = try freePort()
        let client = self.client()
        let error = await #expect(throws: HTTPClientError.self) { try await client.call(request(port, "/ok?token=hidden")) }
        #expect(error?.kind == .connect)
        let text = try #require(error).description
        #expect(text.hasPrefix("test at 127.0.0.1:\(port): ") && !text.contains("hidden"))
    }

    @Test func `a slow response ends at the timeout`() async throws {
        let peer = try HTTPClientPeer()
        let client = self.client()
        var slow = try request(peer.port, "/slow")
        slow.timeout = .milliseconds(200)
        let error = await #expect(throws: HTTPClientError.self) { try await client.call(slow) }
        #expect(error?.kind == .timeout)
    }

    @Test(.timeLimit(.minutes(1))) func `cancelling a task ends its transfer and no other`() async throws {
        let peer = try HTTPClientPeer()
        let client = self.client()
        let slow = try request(peer.port, "/slow")
        let waiting = Task { try await client.call(slow) }
        while await client.activeTransfers == 0 { await Task.yield() }
        waiting.cancel()
        let outcome = await waiting.result
        #expect { try outcome.get() } throws: { ($0 as? HTTPClientError)?.kind == .cancelled }
        #expect(await client.activeTransfers == 0)
        #expect(try await client.call(request(peer.port, "/ok")).status == 200)
    }

    @Test func `many concurrent requests all end and leave no transfer behind`() async throws {
        let peer = try HTTPClientPeer()
        let client = self.client()
        let ok = try request(peer.port, "/ok")
        let fine = await withTaskGroup(of: Int.self) { group in
            for _ in 0..<50 { group.addTask { (try? await client.call(ok).status) ?? 0 } }
            return await group.reduce(0) { $0 + ($1 == 200 ? 1 : 0) }
        }
        #expect(fine == 50)
        #expect(await client.activeTransfers == 0)
    }

    @Test func `certificate and name are verified also when another address is dialled`() async throws {
        let certificate = try TestCertificate()
        let peer = try HTTPClientPeer(tls: (certificate.certificate, certificate.key))
        func call(_ client: HTTPClient, _ host: String) async throws -> String {
            var request = HTTPClientRequest("test", url: try #require(HTTPClientURL("https://\(host)/echo")))
            request.dial = "127.0.0.1:\(peer.port)"
            request.mayUseProxy = false
            return String(decoding: try await client.call(request).body, as: UTF8.self)
        }
        for trust in [
            HTTPClientTrust(files: [certificate.certificate]),
            HTTPClientTrust(includesSystem: false, files: [certificate.certificate]),
            HTTPClientTrust(
                includesSystem: false, certificates: try #require(readFile(certificate.certificate, limit: 1 << 20))),
        ] {
            let client = self.client(trust: trust)
            #expect(try await call(client, "peer.test").contains("Host=peer.test "))
            let error = await #expect(throws: HTTPClientError.self) { try await call(client, "other.test") }
            #expect(error?.kind == .tls)
        }
        let stranger = await #expect(throws: HTTPClientError.self) { try await call(self.client(), "peer.test") }
        #expect(stranger?.kind == .tls, "an unknown authority's certificate was trusted")
        let careless = self.client(trust: HTTPClientTrust(files: ["/nonexistent/ca.pem"]))
        let error = await #expect(throws: HTTPClientError.self) { try await call(careless, "peer.test") }
        #expect(error?.detail.contains("/nonexistent/ca.pem") == true)
    }

    @Test func `a line break in a field's value is refused`() async throws {
        let client = self.client()
        var request = try request(1, "/")
        request.fields = [("X-Test", "a\r\nHost: b")]
        await #expect(throws: HTTPClientError.self) { try await client.call(request) }
    }

    /// A port that was bound and closed again: nothing listens there.
    private func freePort() throws -> Int {
        let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(socket) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(socket, $0, size) == 0 && getsockname(socket, $0, &size) == 0
            }
        }
        try #require(bound)
        return Int(UInt16(bigEndian: address.sin_port))
    }
}
