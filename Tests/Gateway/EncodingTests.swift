import HTTP
import Testing

@testable import Gateway

struct EncodingTests {
    private static let request = [
        "GET /v2/a/blobs/x HTTP/1.1", "Host: h", "Accept-Encoding: gzip", "Accept-Encoding: br", "X-Y: z",
    ]

    private static func sent(toRegistry: Bool, isProbe: Bool = false) throws -> String {
        let upstream = UpstreamRequest(
            head: try head(request), origin: Origin(host: "r", port: 443), target: Array("/t".utf8), isProbe: isProbe)
        var bytes: [UInt8] = []
        if toRegistry {
            upstream.registryHead(into: &bytes, token: Array("T".utf8), length: 0)
        } else {
            upstream.redirectedHead(into: &bytes)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test func `the registry is asked for what it has as it is, and the storage as the client asks`() throws {
        #expect(
            try Self.sent(toRegistry: true)
                == "GET /t HTTP/1.1\r\nHost: r\r\nAccept-Encoding: identity\r\nAuthorization: T\r\nX-Y: z\r\n\r\n")
        #expect(
            try Self.sent(toRegistry: false) == "GET /t HTTP/1.1\r\nHost: r\r\nAccept-Encoding: gzip\r\nAccept-Encoding: br\r\n\r\n"
        )
        #expect(
            try Self.sent(toRegistry: false, isProbe: true)
                == "GET /t HTTP/1.1\r\nHost: r\r\nRange: bytes=0-0\r\nAccept-Encoding: identity\r\n\r\n")
    }

    @Test(arguments: [("gzip", true), ("identity", false), ("Identity", false), ("", false), ("br, gzip", true)])
    func `a coded body tells no size of a blob`(coding: String, isEncoded: Bool) throws {
        let probed = try head([
            "HTTP/1.1 206 Partial Content", "Content-Range: bytes 0-0/9", "Content-Length: 1", "Content-Encoding: \(coding)",
        ])
        #expect(probed.isEncoded == isEncoded)
        #expect(BlobProbe.size(by: probed) == (isEncoded ? nil : 9))
    }
}
