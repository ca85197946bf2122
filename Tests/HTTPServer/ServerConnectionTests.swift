import HTTP
import Testing
import Transport

@testable import HTTPServer

/// Responds to each request with its method, path and body.
actor Echo: ConnectionHost {
    nonisolated let loop = EventLoop()
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
    private let settings: ServerSettings

    init(settings: ServerSettings) { self.settings = settings }

    func serve(_ socket: AcceptedSocket) async {
        let connection = ServerConnection(socket, on: loop, settings: settings)
        while let request = await connection.nextRequest() {
            do {
                let body = try await request.collect(upTo: 1 << 20)
                let line = "\(request.method.token) \(request.path) "
                try await request.respond(200, body: Array(line.utf8) + (body ?? []))
            } catch { request.abort() }
        }
    }
}

/// Sends text as it is, and returns all that comes until the server closes.
actor Caller {
    nonisolated let loop: EventLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
    init(on loop: EventLoop) { self.loop = loop }

    /// - Parameter awaitsHead: sends the second piece only after the first head has come back.
    func exchange(_ pieces: [String], awaitsHead: Bool, with address: SocketAddress) async throws -> String {
        let stream = try await Connector.connect(to: [address], on: loop, waiter: Waiter(), timeout: .seconds(5))
        var response: [UInt8] = []
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 16)
        defer { buffer.deallocate() }
        for piece in pieces {
            while awaitsHead, piece != pieces.first, !response.contains([13, 10, 13, 10]) {
                let count = try await stream.read(into: buffer, timeout: .seconds(60))
                guard count > 0 else { throw TransportError(.closed, call: "read", reason: "no head before the second piece") }
                response += buffer.prefix(count)
            }
            try await stream.write(Array(piece.utf8), timeout: .seconds(5))
            await loop.sleep(for: .milliseconds(5))
        }
        while case let count = (try? await stream.read(into: buffer, timeout: .seconds(5))) ?? 0, count > 0 {
            response += buffer.prefix(count)
        }
        return String(decoding: response, as: UTF8.self)
    }
}

struct ServerConnectionTests {
    static func talk(_ pieces: [String], awaitsHead: Bool = false, settings: ServerSettings = ServerSettings()) async throws
        -> String
    {
        let host = Echo(settings: settings)
        let address = try #require(SocketAddress("127.0.0.1:0"))
        let listener = try Listener(on: address, host: host)
        host.loop.start(named: "echo")
        defer {
            listener.stop()
            host.loop.stop()
        }
        let loop = EventLoop()
        loop.start(named: "caller")
        defer { loop.stop() }
        let got = try await Caller(on: loop).exchange(pieces, awaitsHead: awaitsHead, with: listener.address)
        // The only part that depends on the time.
        return got.replacing(/Date: [A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT\r\n/, with: "Date: now\r\n")
    }

    static func response(_ body: String, connection: String? = nil) -> String {
        let field = connection.map { "Connection: \($0)\r\n" } ?? ""
        return "HTTP/1.1 200 OK\r\nDate: now\r\nContent-Length: \(body.utf8.count)\r\n\(field)\r\n\(body)"
    }

    @Test(arguments: [
        ("", "close", false), ("Connection: keep-alive\r\n", "keep-alive", true),
        ("Connection: Keep-Alive, x\r\n", "keep-alive", true),
        ("Connection: keep-alive, close\r\n", "close", false), ("Connection: close\r\n", "close", false),
    ])
    func `an HTTP/1.0 client is told whether the connection persists`(field: String, says: String, persists: Bool) async throws {
        let got = try await Self.talk(["GET /a HTTP/1.0\r\n\(field)\r\n", "GET /b HTTP/1.0\r\n\r\n"])
        #expect(got == Self.response("GET /a ", connection: says) + (persists ? Self.response("GET /b ", connection: "close") : ""))
    }

    @Test func `a target in absolute form is served as its path`() async throws {
        let got = try await Self.talk(["GET HTTP://X./a?b HTTP/1.1\r\nHost: x:80\r\nConnection: close\r\n\r\n"])
        #expect(got == Self.response("GET /a ", connection: "close"))
    }

    @Test func `pipelined requests get their responses in order`() async throws {
        let got = try await Self.talk([
            "GET /a HTTP/1.1\r\nHost: x\r\n\r\nPUT /b HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
                + "GET /c HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        ])
        #expect(got == Self.response("GET /a ") + Self.response("PUT /b abc") + Self.response("GET /c ", connection: "close"))
    }

    @Test func `a head and a chunked body may come byte by byte`() async throws {
        let wire =
            "PATCH /u HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: v\r\n\r\n"
        var patient = ServerSettings()
        patient.headTimeout = .seconds(300)  // the bytes are slow on a busy machine
        let got = try await Self.talk(wire.map(String.init), settings: patient)
        #expect(got == Self.response("PATCH /u abcde", connection: "close"))
    }

    @Test func `a client that waits for 100 Continue gets it before it sends the body`() async throws {
        let got = try await Self.talk(
            ["PUT /b HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n", "abc"],
            awaitsHead: true)
        #expect(got == "HTTP/1.1 100 Continue\r\n\r\n" + Self.response("PUT /b abc", connection: "close"))
    }

    @Test(arguments: [
        ("GET / HTTP/1.1\r\n\r\n", "400"),
        ("GET / HTTP/1.1\nHost: x\n\n", "400"),
        ("GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost : x\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n", "400"),
        ("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "400"),
        ("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", "400"),
        ("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\n", "400"),
        ("PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "501"),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505"),
        ("GET / HTTP/1.1\r\nHost: x\r\nX: \(String(repeating: "a", count: 40_000))\r\n\r\n", "431"),
        ("GET / HTTP/1.1\r\nHost: x\r\n\(String(repeating: "a: b\r\n", count: 101))\r\n", "431"),
        ("GET / HTTP/1.1\r\nHost: x\r\nExpect: more\r\n\r\n", "417"),
    ])
    func `a head that could be read in two ways is refused and the connection closed`(wire: String, status: String) async throws {
        let got = try await Self.talk([wire])
        #expect(got.hasPrefix("HTTP/1.1 \(status) "))
        #expect(got.contains("Connection: close") && got.contains("\r\nDate: now\r\n"))
    }

    @Test func `a head that does not come in time is refused`() async throws {
        var settings = ServerSettings()
        settings.headTimeout = .milliseconds(50)
        let got = try await Self.talk(["GET / HT"], settings: settings)
        #expect(got.hasPrefix("HTTP/1.1 408 "))
    }
}
