import Glibc
import Testing

@testable import Transport

@Suite final class HTTPClientTests {
    private let loop = EventLoop()

    init() { loop.start(named: "calls") }
    deinit { loop.stop() }

    private func caller(trust: HTTPClientTrust = .system) -> HTTPClient { HTTPClient(loop: loop, trust: trust) }

    private func request(_ port: Int, _ path: String, method: String = "GET", body: [UInt8]? = nil) throws -> HTTPClientRequest {
        var request = HTTPClientRequest(
            "test", method: method, url: try #require(HTTPClientURL("http://127.0.0.1:\(port)\(path)")), body: body)
        request.mayUseProxy = false
        return request
    }

    @Test func answerArrivesWholeWithItsFieldsAndAddress() async throws {
        let peer = try HTTPClientPeer()
        let caller = self.caller()
        let answer = try await caller.call(request(peer.port, "/ok"))
        #expect(answer.status == 200)
        #expect(answer.body == Array("fine".utf8))
        #expect(answer["x-peer"] == "two words")
        #expect(answer.address == "127.0.0.1:\(peer.port)")
    }

    @Test func requestGoesOutAsGivenAndNothingIsAdded() async throws {
        let peer = try HTTPClientPeer()
        let caller = self.caller()
        var put = try request(peer.port, "/echo?b=2&a=1", method: "PUT", body: [])
        put.fields = [("X-Test", "")]
        let first = try await caller.call(put)
        #expect(
            String(decoding: first.body, as: UTF8.self)
                == "PUT /echo?b=2&a=1 Host=127.0.0.1:\(peer.port) Length=0 Type=None Expect=None X='' ")
        var post = try request(peer.port, "/echo", method: "POST", body: Array(repeating: 0x7A, count: 2000))
        post.fields = [("Content-Type", "text/x")]
        let second = String(decoding: try await caller.call(post).body, as: UTF8.self)
        #expect(second.hasPrefix("POST /echo Host=127.0.0.1:\(peer.port) Length=2000 Type=text/x Expect=None X=None zzz"))
    }

    @Test func redirectIsAnAnswer() async throws {
        let peer = try HTTPClientPeer()
        #expect(try await caller().call(request(peer.port, "/away")).status == 302)
    }

    @Test func answerIsBounded() async throws {
        let peer = try HTTPClientPeer()
        let caller = self.caller()
        #expect(try await caller.call(request(peer.port, "/full")).body.count == HTTPClientResponse.bodyLimit)
        for path in ["/large", "/many"] {
            let error = await #expect(throws: HTTPClientError.self) { try await caller.call(request(peer.port, path)) }
            #expect(error?.kind == .tooLarge, "\(path)")
        }
    }

    @Test func refusedConnectionSaysWhoAndWhereButNotTheQuery() async throws {
        let port = try freePort()
        let caller = self.caller()
        let error = await #expect(throws: HTTPClientError.self) { try await caller.call(request(port, "/ok?token=hidden")) }
        #expect(error?.kind == .connect)
        let text = try #require(error).description
        #expect(text.hasPrefix("test at 127.0.0.1:\(port): ") && !text.contains("hidden"))
    }

    @Test func slowAnswerEndsAtTheTimeout() async throws {
        let peer = try HTTPClientPeer()
        let caller = self.caller()
        var slow = try request(peer.port, "/slow")
        slow.timeout = .milliseconds(200)
        let start = ContinuousClock.now
        let error = await #expect(throws: HTTPClientError.self) { try await caller.call(slow) }
        #expect(error?.kind == .timeout)
        #expect(.now - start < .seconds(30))
    }

    @Test(.timeLimit(.minutes(1))) func cancelledTaskEndsItsTransferAndNoOther() async throws {
        let peer = try HTTPClientPeer()
        let caller = self.caller()
        let slow = try request(peer.port, "/slow")
        let waiting = Task { try await caller.call(slow) }
        while await caller.transfersUnderWay == 0 { await Task.yield() }
        waiting.cancel()
        let outcome = await waiting.result
        #expect { try outcome.get() } throws: { ($0 as? HTTPClientError)?.kind == .cancelled }
        #expect(await caller.transfersUnderWay == 0)
        #expect(try await caller.call(request(peer.port, "/ok")).status == 200)
    }

    @Test func manyCallsAtOnceAllEndAndLeaveNothingBehind() async throws {
        let peer = try HTTPClientPeer()
        let caller = self.caller()
        let ok = try request(peer.port, "/ok")
        let fine = await withTaskGroup(of: Int.self) { group in
            for _ in 0..<50 { group.addTask { (try? await caller.call(ok).status) ?? 0 } }
            return await group.reduce(0) { $0 + ($1 == 200 ? 1 : 0) }
        }
        #expect(fine == 50)
        #expect(await caller.transfersUnderWay == 0)
    }

    @Test func certificateAndNameAreVerifiedWhileDialledElsewhere() async throws {
        let certificate = try TestCertificate()
        let peer = try HTTPClientPeer(tls: (certificate.certificate, certificate.key))
        func call(_ caller: HTTPClient, _ host: String) async throws -> String {
            var request = HTTPClientRequest("test", url: try #require(HTTPClientURL("https://\(host)/echo")))
            request.dial = "127.0.0.1:\(peer.port)"
            request.mayUseProxy = false
            return String(decoding: try await caller.call(request).body, as: UTF8.self)
        }
        for trust in [
            HTTPClientTrust(files: [certificate.certificate]),
            HTTPClientTrust(includesSystem: false, files: [certificate.certificate]),
        ] {
            let caller = self.caller(trust: trust)
            #expect(try await call(caller, "peer.test").contains("Host=peer.test "))
            let error = await #expect(throws: HTTPClientError.self) { try await call(caller, "other.test") }
            #expect(error?.kind == .tls)
        }
        let stranger = await #expect(throws: HTTPClientError.self) { try await call(self.caller(), "peer.test") }
        #expect(stranger?.kind == .tls, "a stranger's certificate was believed")
        let careless = self.caller(trust: HTTPClientTrust(files: ["/nonexistent/ca.pem"]))
        let error = await #expect(throws: HTTPClientError.self) { try await call(careless, "peer.test") }
        #expect(error?.detail.contains("/nonexistent/ca.pem") == true)
    }

    @Test func lineBreakInAFieldIsRefused() async throws {
        let caller = self.caller()
        var request = try request(1, "/")
        request.fields = [("X-Test", "a\r\nHost: b")]
        await #expect(throws: HTTPClientError.self) { try await caller.call(request) }
    }

    /// Bound and closed again: nobody listens there.
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
