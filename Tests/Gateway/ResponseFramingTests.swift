import HTTP
import Testing

@testable import Gateway

struct AnswerFramingTests {
    /// The head that the client gets of an upstream's.
    private static func client(_ lines: String..., status: Int, toVersion11: Bool = true) throws -> String {
        let upstream = try head(lines)
        let framing = ResponseFraming(upstream, status: status, toVersion11: toVersion11)
        var bytes: [UInt8] = []
        ClientAnswer(
            head: upstream, status: status, body: framing.body, requestID: Array("id".utf8), date: Array("now".utf8),
            connectionField: ""
        ).registryHead(
            into: &bytes, fields: [],
            rewriting: Rewriting(origin: Origin(host: "r", port: 443), clientRepository: [], upstreamRepository: [], publicURL: []))
        return String(decoding: bytes, as: UTF8.self)
    }

    private static let end = "Date: now\r\nBerth-Request-Id: id\r\n\r\n"

    @Test func `no length is said of a body that the client's status has not, or that the upstream's had not`() throws {
        let length = "Content-Length: 5"
        #expect(
            try Self.client("HTTP/1.1 204 No Content", length, status: 202) == "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n"
                + Self.end)
        #expect(
            try Self.client("HTTP/1.1 204 No Content", status: 202) == "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n" + Self.end)
        #expect(try Self.client("HTTP/1.1 204 No Content", length, status: 204) == "HTTP/1.1 204 No Content\r\n" + Self.end)
        #expect(
            try Self.client("HTTP/1.1 201 Created", length, status: 202) == "HTTP/1.1 202 Accepted\r\nContent-Length: 5\r\n"
                + Self.end)
        #expect(
            try Self.client("HTTP/1.1 201 Created", "Transfer-Encoding: chunked", status: 202)
                == "HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n" + Self.end)
        #expect(
            try Self.client("HTTP/1.1 304 Not Modified", length, status: 304)
                == "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n" + Self.end)
    }

    @Test func `the upstream's date stays`() throws {
        let head = try Self.client("HTTP/1.1 200 OK", "Date: then", "Content-Length: 0", status: 200)
        #expect(head == "HTTP/1.1 200 OK\r\nDate: then\r\nContent-Length: 0\r\nBerth-Request-Id: id\r\n\r\n")
    }
}
