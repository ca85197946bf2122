import Testing

@testable import HTTP

struct ChunkedDecoderTests {
    /// The payload, and what was left behind the body; nil when the body did not end.
    static func decode(_ wire: [UInt8], piece: Int) throws -> (payload: [UInt8], rest: [UInt8])? {
        var decoder = ChunkedDecoder()
        var payload: [UInt8] = []
        var at = 0
        while at < wire.count, !decoder.isDone {
            var buffer = Array(wire[at..<min(at + piece, wire.count)])
            let (count, taken) = try buffer.withUnsafeMutableBytes { try decoder.decode($0) }
            payload += buffer.prefix(count)
            at += taken
        }
        return decoder.isDone ? (payload, Array(wire[at...])) : nil
    }

    @Test(arguments: [1, 2, 3, 7, 64]) func `the payload does not depend on how the body is cut, and the next request is left`(
        piece: Int
    )
        throws
    {
        let wire = Array("5\r\nhello\r\nA;name=\"v; \\\"\";b;c=d\r\n0123456789\r\n000\r\nX-Sum: 1 2\r\nEmpty:\r\n\r\nGET /".utf8)
        let body = try #require(try Self.decode(wire, piece: piece))
        #expect(body.payload.elementsEqual("hello0123456789".utf8))
        #expect(body.rest.elementsEqual("GET /".utf8))
    }

    @Test(arguments: [
        "x\r\n", "\r\n", "-1\r\n", "0x1\r\n", "1\n", "1\r\rab", "1\r\nab\r\n", "1\r\na\n", "ffffffffffffffff\r\n", "1 \u{1}\r\n",
        "1 \r\n", "1\t\r\n", " 1\r\n", "1 ;a\r\n", "1; a\r\n", "1;a \r\n", "1;a =b\r\n", "1;a= b\r\n", "1;a=b \r\n",
        "1;\r\n", "1;;a\r\n", "1;a;\r\n", "1;a=\r\n", "1;=b\r\n", "1;a=b=c\r\n", "1;a=\"b\r\n", "1;a=\"b\"c\r\n", "1;a=b\"c\"\r\n",
        "1;a@b\r\n", "1;a=\"\\\u{1}\"\r\n", "1;a=\"b\" \r\n",
    ])
    func `a chunk that another parser could read differently is refused`(wire: String) {
        #expect(throws: HeadError.badChunk) { _ = try Self.decode(Array(wire.utf8), piece: 4) }
    }

    @Test(arguments: [
        "A\nB\r\n", "A\r\n", "A : b\r\n", ": b\r\n", " A: b\r\n", "A: b\r\n c\r\n", "A: b\u{1}\r\n", "A b: c\r\n",
        "GET / HTTP/1.1\r\n",
        "Content-Length: 5\r\n", "transfer-encoding: chunked\r\n", "Host: x\r\n", "A: b\r\nAuthorization: c\r\n",
        "Connection: close\r\n",
        "Content-Range: 0-1\r\n", "Trailer: x\r\n",
    ])
    func `a trailer that is not a field, or belongs in the head, is refused`(line: String) {
        for piece in [1, 64] {
            #expect(throws: HeadError.badTrailer) { _ = try Self.decode(Array("0\r\n\(line)\r\n".utf8), piece: piece) }
        }
    }

    @Test func `extensions and trailers are bounded`() {
        let long = [UInt8](repeating: UInt8(ascii: "a"), count: 5000)
        #expect(throws: HeadError.badChunk) { _ = try Self.decode(Array("1;".utf8) + long, piece: 512) }
        #expect(throws: HeadError.trailerTooLarge) { _ = try Self.decode(Array("0\r\n".utf8) + long, piece: 512) }
    }

    @Test(arguments: [0, 1, 9, 15, 16, 255, 256, 65_536, 262_132]) func `a chunk header ends where its payload starts`(count: Int) {
        var room = [UInt8](repeating: 0, count: chunkHeaderRoom)
        let start = room.withUnsafeMutableBytes { writeChunkHeader(count, into: $0) }
        #expect(String(decoding: room[start...], as: UTF8.self) == String(count, radix: 16) + "\r\n")
    }
}
