import Testing

@testable import HTTP

struct HeadTests {
    static func request(_ wire: String, limits: HeadLimits = HeadLimits()) throws -> (head: Head, rest: [UInt8]) {
        var reader = HeadReader(limits: limits)
        reader.input.append(Array(wire.utf8))
        let head = Head()
        #expect(try reader.take(head, as: .request))
        return (head, [UInt8](reader.input.bytes))
    }

    @Test func `a request's head is parsed, and what follows it is left in the input`() throws {
        let (head, rest) = try Self.request(
            "PUT /v2/a/manifests/1?x=y HTTP/1.1\r\nHost: berth:5000\r\nEmpty:\r\nSizes:  \r\nContent-Length: 3\r\n\r\nabcGET")
        #expect(head.method == .put)
        #expect(head.target.elementsEqual("/v2/a/manifests/1?x=y".utf8))
        #expect(head.framing == .length(3))
        #expect(head.string("empty") == "" && head.string("Sizes") == "" && head.string("absent") == nil)
        #expect(rest.elementsEqual("abcGET".utf8))
    }

    @Test(arguments: [
        ("http://berth:5000/v2/a?b=c", "berth:5000", "/v2/a?b=c"), ("https://berth/v2/", "berth", "/v2/"),
        ("HTTP://Berth.Example./v2/", "berth.example", "/v2/"), ("http://berth.example/v2/", "BERTH.example.:80", "/v2/"),
        ("https://berth:443/v2/", "berth", "/v2/"), ("https://berth/v2/", "berth:", "/v2/"),
        ("http://[::1]:5000/v2/", "[::1]:5000", "/v2/"),
        ("http://berth", "berth", "/"), ("http://berth/", "berth", "/"),
    ])
    func `a target in absolute form that names the Host is read as its path`(target: String, host: String, path: String)
        throws
    {
        let (head, rest) = try Self.request("GET \(target) HTTP/1.1\r\nHost: \(host)\r\nX: y\r\n\r\nrest")
        #expect(head.target.elementsEqual(path.utf8))
        #expect(head.string("host") == host && head.string("x") == "y" && rest.elementsEqual("rest".utf8))
        let (next, _) = try Self.request("GET /v2/ HTTP/1.0\r\n\r\n")
        #expect(next.target.elementsEqual("/v2/".utf8))
    }

    @Test(arguments: [
        ("GET http://other/v2/ HTTP/1.1\r\nHost: berth\r\n", HeadError.foreignTarget),
        ("GET http://berth:81/v2/ HTTP/1.1\r\nHost: berth\r\n", .foreignTarget),
        ("GET https://berth/v2/ HTTP/1.1\r\nHost: berth:80\r\n", .foreignTarget),
        ("GET http://berth.example/v2/ HTTP/1.1\r\nHost: berth\r\n", .foreignTarget),
        ("GET http://berth/v2/ HTTP/1.0\r\n", .foreignTarget), ("GET http://berth/v2/ HTTP/1.1\r\n", .badHost),
        ("GET http://berth/v2/ HTTP/1.1\r\nHost: berth\r\nHost: berth\r\n", .badHost),
        ("GET http://user@berth/v2/ HTTP/1.1\r\nHost: berth\r\n", .badRequestLine),
        ("GET http://berth:x/v2/ HTTP/1.1\r\nHost: berth\r\n", .badRequestLine),
        ("GET http://berth?v2 HTTP/1.1\r\nHost: berth\r\n", .badRequestLine),
        ("GET http:///v2/ HTTP/1.1\r\nHost: berth\r\n", .badRequestLine),
        ("GET ftp://berth/v2/ HTTP/1.1\r\nHost: berth\r\n", .badRequestLine),
        ("GET berth/v2/ HTTP/1.1\r\nHost: berth\r\n", .badRequestLine),
        ("GET berth:80 HTTP/1.1\r\nHost: berth\r\n", .badRequestLine),
        ("CONNECT berth:80 HTTP/1.1\r\nHost: berth\r\n", .badRequestLine),
        ("CONNECT http://berth/ HTTP/1.1\r\nHost: berth\r\n", .badRequestLine),
        ("GET * HTTP/1.1\r\nHost: berth\r\n", .badRequestLine),
        ("GET /v2/ HTTP/1.1\r\nHost: a:b\r\n", .badHost), ("GET /v2/ HTTP/1.1\r\nHost: a:1:2\r\n", .badHost),
        ("GET /v2/ HTTP/1.1\r\nHost: a:65536\r\n", .badHost), ("GET /v2/ HTTP/1.1\r\nHost: .\r\n", .badHost),
        ("GET /v2/ HTTP/1.1\r\nHost: [a]\r\n", .badHost), ("GET /v2/ HTTP/1.1\r\nHost: a@b\r\n", .badHost),
    ])
    func `a target that names another host, and a malformed target or Host, are refused`(wire: String, error: HeadError) {
        #expect(throws: error) { try Self.request(wire + "\r\n") }
    }

    @Test func `at most 64 names may be listed in all Connection fields together`() throws {
        let names = String(repeating: "a,", count: 33)
        #expect(throws: HeadError.tooManyOptions) {
            try Self.request("GET / HTTP/1.1\r\nHost: x\r\nConnection: \(names)\r\nConnection: \(names)\r\n\r\n")
        }
        _ = try Self.request("GET / HTTP/1.1\r\nHost: x\r\nConnection: \(names)\r\n\r\n")
    }

    @Test(arguments: [
        ("HTTP/1.1 200 OK\r\n\r\n", false, BodyFraming.untilClose, false),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", false, .length(5), true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true, .none, true),
        ("HTTP/1.1 304\r\nContent-Length: 5\r\n\r\n", false, .none, true),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n", false, .chunked, true),
        ("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", false, .length(5), false),
        ("HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 5\r\n\r\n", false, .length(5), true),
        ("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\n", false, .length(5), false),
    ])
    func `a response's framing and persistence follow RFC 9112 6.3 and 9.3`(
        wire: String, toHead: Bool, framing: BodyFraming, keepsAlive: Bool
    ) throws {
        var reader = HeadReader(limits: HeadLimits())
        reader.input.append(Array(wire.utf8))
        let head = Head()
        #expect(try reader.take(head, as: .response(toHead: toHead)))
        #expect(head.framing == framing)
        #expect(head.keepsAlive == keepsAlive)
    }

    @Test(arguments: [
        "HTTP/1.1 20 OK\r\n\r\n", "HTTP/2 200\r\n\r\n", "HTTP/1.1 600 X\r\n\r\n", "HTTP/1.1 200OK\r\n\r\n", "ICY 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    ])
    func `a response that could be read in two ways is refused`(wire: String) {
        var reader = HeadReader(limits: HeadLimits())
        reader.input.append(Array(wire.utf8))
        #expect(throws: HeadError.self) { try reader.take(Head(), as: .response(toHead: false)) }
    }

    @Test func `hop-by-hop fields are not copied, nor those that Connection names`() throws {
        let (head, _) = try Self.request(
            "GET / HTTP/1.1\r\nHost: x\r\nKeep-Alive: 5\r\nX-Hop: 1\r\nConnection: close, X-HOP\r\nTE: trailers\r\nX-End: 2\r\n\r\n"
        )
        let copied = OutputBuffer()
        head.appendFields(to: copied) { _ in true }
        #expect(String(decoding: copied.bytes, as: UTF8.self) == "Host: x\r\nX-End: 2\r\n")
    }

    @Test func `random bytes are a whole head, an incomplete one, or refused, and none are lost`() {
        let seeds = [
            "GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n",
            "PATCH /u HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        ].map { Array($0.utf8) }
        var random = SystemRandomNumberGenerator()
        for _ in 0..<20_000 {
            var bytes = seeds[Int.random(in: 0..<seeds.count, using: &random)]
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let at = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[at] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.remove(at: at)
                default: bytes.insert(contentsOf: [13, 10, 58, 32].shuffled().prefix(2), at: at)
                }
            }
            var reader = HeadReader(limits: HeadLimits(bytes: 256, fields: 4))
            reader.input.append(bytes)
            let head = Head()
            guard let isWhole = try? reader.take(head, as: .request), isWhole else { continue }
            #expect(head.bytes + [UInt8](reader.input.bytes) == bytes)
            for field in head.fields { #expect(!head.bytes[field.valueRange].contains { $0 == 10 || $0 == 13 || $0 == 0 }) }
        }
    }
}
