import Testing

@testable import HTTP

struct ResponseHeadWriterTests {
    private let output = OutputBuffer()

    private var text: String { String(decoding: output.bytes, as: UTF8.self) }

    private static let date = Array("Sun, 06 Nov 1994 08:49:37 GMT".utf8)

    /// A received response: a status line and `lines`.
    private static func received(_ lines: String...) throws -> Head {
        var reader = HeadReader(limits: HeadLimits())
        reader.input.append(Array((["HTTP/1.1 200 OK"] + lines + ["", ""]).joined(separator: "\r\n").utf8))
        let head = Head()
        #expect(try reader.take(head, as: .response(toHead: false)))
        return head
    }

    @Test(arguments: [
        (ResponseHeadWriter.Framing.none, ""), (.length(0), "Content-Length: 0\r\n"), (.length(1_234), "Content-Length: 1234\r\n"),
        (.chunked, "Transfer-Encoding: chunked\r\n"), (.untilClose, ""), (.asCopied, ""),
    ])
    func `the framing is written once, before the empty line`(framing: ResponseHeadWriter.Framing, line: String) {
        ResponseHeadWriter(status: 200, into: output).finish(framing, date: nil, connection: "")
        #expect(text == "HTTP/1.1 200 OK\r\n\(line)\r\n")
    }

    @Test func `Date and the connection's field follow the framing`() {
        let head = ResponseHeadWriter(status: 404, into: output)
        head.field("Docker-Distribution-Api-Version", "registry/2.0")
        head.field("Retry-After", decimal: 5)
        head.finish(.length(2), date: Self.date, connection: "Connection: close\r\n")
        #expect(
            text
                == "HTTP/1.1 404 Not Found\r\nDocker-Distribution-Api-Version: registry/2.0\r\nRetry-After: 5\r\nContent-Length: 2\r\n"
                + "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nConnection: close\r\n\r\n")
    }

    @Test func `a copied Date is not written a second time`() throws {
        let received = try Self.received("Date: Thu, 01 Jan 2026 00:00:00 GMT", "Content-Length: 3")
        let head = ResponseHeadWriter(status: 200, into: output)
        head.fields(of: received) { _ in true }
        head.finish(.asCopied, date: nil, connection: "")
        #expect(
            text == "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Length: 3\r\n\r\n")
    }

    @Test func `control characters in a value become blanks, so that it cannot end its line`() {
        let head = ResponseHeadWriter(status: 200, into: output)
        head.fields([("X", "a\r\nSet-Cookie: b\u{0}\u{7F}c\td")])
        #expect(text == "HTTP/1.1 200 OK\r\nX: a  Set-Cookie: b  c d\r\n")
    }

    @Test(arguments: [
        ("no field", [], ""), ("the first", ["a"], "A: 1\r\n"), ("neighbours", ["a", "b"], "A: 1\r\nB:2\r\n"),
        ("fields that lie apart", ["a", "d"], "A: 1\r\nD: 4\r\n"), ("the last two", ["c", "d"], "C: \r\nD: 4\r\n"),
        ("all", ["a", "b", "c", "d"], "A: 1\r\nB:2\r\nC: \r\nD: 4\r\n"),
    ])
    func `selected fields are copied byte for byte and in order`(_: String, names: [String], copied: String) throws {
        let received = try Self.received("A: 1", "B:2", "C: ", "D: 4")
        let head = ResponseHeadWriter(status: 200, into: output)
        head.fields(of: received) { names.contains(String(decoding: received.bytes[$0.nameRange], as: UTF8.self).lowercased()) }
        #expect(text == "HTTP/1.1 200 OK\r\n\(copied)")
    }

    @Test func `hop-by-hop fields are never copied, nor those that Connection names`() throws {
        let received = try Self.received(
            "A: 1", "Keep-Alive: 5", "Connection: close, x-HOP", "X-Hop: 1", "Transfer-Encoding: chunked",
            "Proxy-Authenticate: Basic",
            "Trailer: X", "Upgrade: h2c", "B: 2")
        let head = ResponseHeadWriter(status: 200, into: output)
        head.fields(of: received) { _ in true }
        #expect(text == "HTTP/1.1 200 OK\r\nA: 1\r\nB: 2\r\n")
    }

    @Test func `a head replaces what was in the output, and a body can follow it`() {
        output.append(Array("what an earlier write left".utf8))
        let head = ResponseHeadWriter(status: 204, into: output)
        head.fields([("A", "b")])
        let count = head.finish(.none, date: nil, connection: "")
        output.append("body")
        #expect(text == "HTTP/1.1 204 No Content\r\nA: b\r\n\r\nbody" && count == output.count - 4)
    }
}
