import Foundation
import HTTP
import Testing

@testable import Gateway

struct RequestHeadTests {
    private static let new = TraceContext(high: 0x0af7_6519_16cd_43dd, low: 0x8448_eb21_1c80_319c, span: 0xb7ad_6b71_6920_3331)
    private static let traceparent = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"

    private static func sent(
        _ lines: [String], method: HTTP.Method? = nil, range: Range<Int>? = nil, length: Int? = 0,
        trace: TraceContext = new
    ) throws -> (registry: [String], storage: [String]) {
        let requestHead = RequestHead(
            try head(lines), method: method, target: bytes("/t")[...], range: range)
        let origin = Origin(host: "r", port: 443)
        let registry = OutputBuffer(), storage = OutputBuffer()
        requestHead.writeRegistryHead(into: registry, to: origin, token: bytes("T"), trace: trace, length: length)
        requestHead.writeStorageHead(into: storage, to: origin)
        func split(_ output: OutputBuffer) -> [String] {
            String(decoding: output.bytes, as: UTF8.self).components(separatedBy: "\r\n").dropLast(2)
        }
        return (split(registry), split(storage))
    }

    private static let base = ["GET /t HTTP/1.1", "Host: r"]
    private static let registryBase = base + ["Accept-Encoding: identity", "Authorization: T", traceparent]

    @Test func `the client's Accept-Encoding goes to the storage, and identity to the registry`() throws {
        let sent = try Self.sent([
            "GET /v2/a/blobs/x HTTP/1.1", "Host: h", "Accept-Encoding: gzip", "Accept-Encoding: br", "X-Y: z",
        ])
        #expect(sent.registry == Self.registryBase + ["X-Y: z"])
        #expect(sent.storage == Self.base + ["Accept-Encoding: gzip", "Accept-Encoding: br"])
    }

    @Test func `a probe asks for the first byte, without a coding`() throws {
        let sent = try Self.sent(
            ["HEAD / HTTP/1.1", "Host: h", "Range: bytes=5-", "If-None-Match: x", "Accept-Encoding: gzip"], method: .get,
            range: 0..<1)
        let base = Self.base + ["Range: bytes=0-0", "Accept-Encoding: identity"]
        #expect(sent.registry == base + ["Authorization: T", Self.traceparent, "If-None-Match: x"])
        #expect(sent.storage == base + ["If-None-Match: x"])
    }

    @Test func `the request for the rest of a blob has its range, and not the client's conditions`() throws {
        let sent = try Self.sent(
            ["GET / HTTP/1.1", "Host: h", "Range: bytes=5-", "If-Range: x", "User-Agent: u"], range: 7..<10)
        #expect(
            sent.registry == Self.base + [
                "Range: bytes=7-9", "Accept-Encoding: identity", "Authorization: T", Self.traceparent, "User-Agent: u",
            ])
        #expect(sent.storage == Self.base + ["Range: bytes=7-9", "User-Agent: u"])
    }

    @Test func `the client's login and forwarding fields are removed`() throws {
        let sent = try Self.sent([
            "GET / HTTP/1.1", "Host: h", "Authorization: Basic eDp5", "X-Forwarded-For: 1.2.3.4", "Forwarded: for=1.2.3.4",
            "X-Forwarded-Host: x", "X-Forwarded-Proto: https", "Connection: X-Hop", "X-Hop: 1", "Te: trailers", "Accept: a",
        ])
        #expect(sent.registry == Self.registryBase + ["Accept: a"])
        #expect(sent.storage == Self.base)
    }

    @Test func `a trace goes to the registry with Berth as the parent, and not to the storage`() throws {
        let lines = [
            "GET / HTTP/1.1", "Host: h", "tracestate: a=1", "Traceparent: 00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01",
            "TraceState: b=2",
        ]
        let trace = try #require(TraceContext(try head(lines), span: Self.new.span))
        let sent = try Self.sent(lines, trace: trace)
        let continued = String(Self.traceparent.dropLast()) + "1"
        #expect(sent.registry == Self.registryBase.dropLast() + [continued, "tracestate: a=1", "TraceState: b=2"])
        #expect(sent.storage == Self.base)
    }

    @Test func `the state of a trace that is not gone on with is removed`() throws {
        let lines = ["GET / HTTP/1.1", "Host: h", "traceparent: 00-0-0-00", "tracestate: a=1"]
        #expect(TraceContext(try head(lines), span: 1) == nil)
        #expect(try Self.sent(lines).registry == Self.registryBase)
    }

    @Test(
        arguments: [
            ("PUT", 0, "Content-Length: 0"), ("POST", 0, "Content-Length: 0"), ("PATCH", 5, "Content-Length: 5"),
            ("GET", 0, nil), ("PUT", nil, "Transfer-Encoding: chunked"),
        ] as [(String, Int?, String?)])
    func `the body's framing is Berth's`(method: String, length: Int?, field: String?) throws {
        let sent = try Self.sent(["\(method) / HTTP/1.1", "Host: h"], length: length).registry
        #expect(sent.dropFirst(5).first == field)
    }

    @Test(arguments: [(HTTP.Method.get, ["Accept: a"]), (.post, ["Content-Length: 0", "Accept: a"])])
    func `a request of Berth's own has nothing of a client's`(method: HTTP.Method, fields: [String]) {
        let output = OutputBuffer()
        RequestHead(Head(), method: method, target: bytes("/t")[...], accept: "a").writeRegistryHead(
            into: output, to: Origin(host: "r", port: 443), token: bytes("T"), trace: Self.new, length: 0)
        let lines = ["\(method.token) /t HTTP/1.1"] + Self.registryBase.dropFirst() + fields + ["", ""]
        #expect(String(decoding: output.bytes, as: UTF8.self) == lines.joined(separator: "\r\n"))
    }

    @Test(arguments: [("0-9", true), ("0-10485759", true), ("0-10485760", false), ("garbage", true)])
    func `a chunk that is too large for a Content-Range is sent without it`(range: String, passes: Bool) throws {
        let sent = try Self.sent(["PATCH / HTTP/1.1", "Host: h", "Content-Range: \(range)"], length: 10).registry
        #expect(sent.contains("Content-Range: \(range)") == passes)
    }
}
