import HTTP
import Testing

@testable import Gateway

struct ResponseHeadTests {
    /// The head that the client gets of an upstream's.
    private static func client(_ lines: String..., status: Int, toVersion11: Bool = true) throws -> String {
        let upstream = try head(lines)
        let framing = ResponseFraming(upstream, status: status, toVersion11: toVersion11)
        let output = OutputBuffer(), writer = ResponseHeadWriter(status: status, into: output)
        ResponseHead.registry(
            fields: [],
            Rewriting(origin: Origin(host: "r", port: 443), clientRepository: [], upstreamRepository: [], publicURL: [])
        ).write(upstream, copiesLength: framing.framing == .asCopied, to: writer)
        let date = upstream.value(of: .date) == nil ? bytes("now") : nil
        writer.finish(framing.framing, date: date, connection: "")
        return String(decoding: output.bytes, as: UTF8.self)
    }

    private static let end = "Date: now\r\n\r\n"

    @Test func `a 204 from the upstream is an empty body for the client, and a 204 for the client has no length`() throws {
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

    @Test func `the upstream's Date passes`() throws {
        let head = try Self.client("HTTP/1.1 200 OK", "Date: then", "Content-Length: 0", status: 200)
        #expect(head == "HTTP/1.1 200 OK\r\nDate: then\r\nContent-Length: 0\r\n\r\n")
    }

    @Test func `of the storage's response only fields that describe the bytes pass`() throws {
        let upstream = try head(
            "HTTP/1.1 206 Partial Content", "x-amz-request-id: r", "Server: AmazonS3", "Accept-Ranges: bytes", "ETag: e",
            "Content-Range: bytes 0-4/9", "Content-Length: 5", "Set-Cookie: c", "Location: https://bucket/")
        let output = OutputBuffer(), writer = ResponseHeadWriter(status: 206, into: output)
        ResponseHead.storage(digest: bytes("sha256:x")).write(upstream, copiesLength: true, to: writer)
        writer.finish(.asCopied, date: nil, connection: "")
        let lines = String(decoding: output.bytes, as: UTF8.self).split(separator: "\r\n")
        #expect(
            lines == [
                "HTTP/1.1 206 Partial Content", "Accept-Ranges: bytes", "ETag: e", "Content-Range: bytes 0-4/9",
                "Content-Length: 5",
                "Docker-Distribution-Api-Version: registry/2.0", "Docker-Content-Digest: sha256:x",
            ])
    }

    @Test func `Berth's fields replace the upstream's, and the upstream's challenge is removed`() throws {
        let upstream = try head(
            "HTTP/1.1 202 Accepted", "Location: https://r/v2/acme/a/blobs/uploads/u", "Range: 0-9", "WWW-Authenticate: Basic",
            "Link: <https://r/v2/acme/a/tags/list?n=1>; rel=\"next\"", "Docker-Upload-UUID: u")
        let output = OutputBuffer(), writer = ResponseHeadWriter(status: 202, into: output)
        ResponseHead.registry(
            fields: [ResponseField(.range, "Range", bytes("0-19"))],
            Rewriting(
                origin: Origin(host: "r", port: 443), clientRepository: bytes("team/a"), upstreamRepository: bytes("acme/a"),
                publicURL: [])
        ).write(upstream, copiesLength: true, to: writer)
        writer.finish(.none, date: nil, connection: "")
        let lines = String(decoding: output.bytes, as: UTF8.self).split(separator: "\r\n")
        #expect(
            lines == [
                "HTTP/1.1 202 Accepted", "Docker-Upload-UUID: u", "Range: 0-19", "Location: /v2/team/a/blobs/uploads/u",
                "Link: </v2/team/a/tags/list?n=1>; rel=\"next\"",
            ])
    }
}
